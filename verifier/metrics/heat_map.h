#pragma once

#include <cstdint>

#include "shared/result.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// Side of a heat map's tiles in pixels.
inline constexpr std::uint32_t kHeatTile = 8;

/// Where two pictures differ, for people: 8-bit RGB of their size, each tile of kHeatTile pixels in
/// the colour of its PSNR over the colour channels. Black: equal, or 60 dB and more, which nobody
/// sees; through violet, red (40 dB is the middle) and orange to pale yellow: 20 dB and less.
/// kInvalid as Metrics::measure().
Result<Picture> heat_map(const Picture& a, const Picture& b, Coding coding = Coding::kLog);

}  // namespace worldshare::verifier
