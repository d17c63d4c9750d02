#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/blobs/store.h"
#include "verifier/consensus/agreement.h"
#include "verifier/lpips_on_demand.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// Two of the pictures, by their places from 1, and what their comparison showed.
struct ComparedPair {
  std::size_t a = 0;
  std::size_t b = 0;
  Comparison comparison;
  Bytes heat_map;  ///< a PNG file; empty where the pictures are equal or of different shape
};

struct ComparisonLimits {
  std::uint64_t file_bytes = 512ULL << 20;  ///< of each file
  std::uint64_t pixel_bytes = 2ULL << 30;   ///< of all pictures together, decoded
};

/// What compares. `lpips` may be null.
struct ComparisonTools {
  const blobs::Store& store;
  Metrics& metrics;
  LpipsOnDemand* lpips;
};

/// Every pair of pictures that nobody here rendered, by their hashes in the store: PNG, OpenEXR or
/// JPEG. Only those with different bytes are decoded. kInvalid, kCorrupt, kDenied: a picture is at
/// fault, and the message names its place; other errors: the store or the device is. Blocks.
Result<std::vector<ComparedPair>> compare_all(const std::vector<std::string>& artifacts,
                                              const Tolerance& tolerance,
                                              const ComparisonLimits& limits,
                                              const ComparisonTools& tools);

/// The verdict in a sentence.
std::string sentence_of(const std::vector<ComparedPair>& pairs, const Tolerance& tolerance);

}  // namespace worldshare::verifier
