#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/messages/messages.h"

namespace worldshare::messages {

struct ManifestLimits {
  std::size_t json_bytes = 256 * 1024;
  std::uint32_t side_pixels = 32'768;
  std::uint64_t frame_pixels = 1ULL << 28;
  std::uint32_t frames = 1'000'000;
  std::uint64_t scene_bytes = 10ULL << 30;
};

/// Labels of an agent, and of what a job asks for.
inline constexpr std::size_t kMaxLabels = 32;
inline constexpr std::size_t kMaxLabelBytes = 64;

/// JSON → manifest, through the schema and then through check(). Errors are kInvalid and begin with
/// the field's name.
Result<wire::ManifestT> parse_manifest(std::string_view json, const ManifestLimits& limits = {});

/// The meaning of a manifest that is already well-formed: ranges, sizes, names.
Result<> check(const wire::ManifestT& manifest, const ManifestLimits& limits = {});

/// A list of short texts that people wrote: at most `most` of 1 to `bytes` bytes, without control
/// characters.
Result<> check_texts(const char* field,
                     const std::vector<std::string>& texts,
                     std::size_t most,
                     std::size_t bytes);

/// The frame numbers of a checked manifest: how many, the n-th (0-based), and the n of one of them.
std::uint32_t frame_count(const wire::ManifestT& manifest);
std::int32_t frame_number(const wire::ManifestT& manifest, std::uint32_t index);
std::uint32_t frame_index(const wire::ManifestT& manifest, std::int32_t frame);

}  // namespace worldshare::messages
