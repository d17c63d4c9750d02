#include "verifier/lpips/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <string_view>

namespace worldshare::verifier {
namespace {

static_assert(std::endian::native == std::endian::little, "the data is read as it is");

constexpr std::size_t kHeaderLimit = 64 << 10;
constexpr std::string_view kMetadata = "__metadata__";

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::unexpected<Error> corrupt(std::string message) {
  return fail(Errc::kCorrupt, std::move(message));
}

Result<std::string_view> header_text(ByteView file) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) return corrupt("the file ends within its header's length");
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kHeaderLimit) {
    return corrupt(fmt::format("a header of {} bytes, more than {}", length, kHeaderLimit));
  }
  const ByteView rest = file.subspan(sizeof length);
  if (length > rest.size()) return corrupt("the file ends within its header");
  return as_text(rest.first(static_cast<std::size_t>(length)));
}

Result<boost::json::object> parse_header(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error, {}, options);
  if (error) return corrupt(fmt::format("the header is no JSON: {}", error.message()));
  if (!value.is_object()) return corrupt("the header is no JSON object");
  return std::move(value.as_object());
}

/// nullopt unless `value` is an array of non-negative integers.
std::optional<std::vector<std::size_t>> as_sizes(const boost::json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::size_t> out;
  for (const auto& item : value->as_array()) {
    boost::system::error_code error;
    out.push_back(item.is_number() ? item.to_number<std::size_t>(error) : 0);
    if (!item.is_number() || error) return std::nullopt;
  }
  return out;
}

std::size_t size_bytes(const TensorSpec& spec) {
  std::size_t size = sizeof(float);
  for (const std::size_t side : spec.shape) size *= side;
  return size;
}

Result<Range> find(const boost::json::object& header,
                   const TensorSpec& spec,
                   std::size_t data_bytes) {
  const boost::json::value* entry = header.if_contains(spec.name);
  if (entry == nullptr || !entry->is_object()) {
    return corrupt(fmt::format("no tensor {}", spec.name));
  }
  const boost::json::object& tensor = entry->as_object();
  const boost::json::value* dtype = tensor.if_contains("dtype");
  if (dtype == nullptr || !dtype->is_string() || dtype->as_string() != "F32") {
    return corrupt(fmt::format("tensor {} is not of type F32", spec.name));
  }
  const auto shape = as_sizes(tensor.if_contains("shape"));
  if (!shape || *shape != spec.shape) {
    return corrupt(fmt::format("tensor {} has another shape", spec.name));
  }
  const auto offsets = as_sizes(tensor.if_contains("data_offsets"));
  if (!offsets || offsets->size() != 2) {
    return corrupt(fmt::format("tensor {} has no offsets", spec.name));
  }
  const Range range{(*offsets)[0], (*offsets)[1]};
  if (range.begin > range.end || range.end > data_bytes) {
    return corrupt(fmt::format("tensor {} lies outside the file", spec.name));
  }
  if (range.end - range.begin != size_bytes(spec)) {
    return corrupt(fmt::format("tensor {} has another size than its shape", spec.name));
  }
  return range;
}

Result<> check_tiling(std::vector<Range> ranges, std::size_t data_bytes) {
  std::ranges::sort(ranges, {}, &Range::begin);
  std::size_t at = 0;
  for (const Range& range : ranges) {
    if (range.begin < at) return corrupt("tensors overlap");
    if (range.begin > at) return corrupt("bytes between tensors");
    at = range.end;
  }
  if (at != data_bytes) return corrupt("bytes after the last tensor");
  return {};
}

Result<std::vector<Range>> find_all(const boost::json::object& header,
                                    std::span<const TensorSpec> expected,
                                    std::size_t data_bytes) {
  if (header.size() - header.count(kMetadata) != expected.size()) {
    return corrupt(fmt::format("{} tensors instead of {}", header.size() - header.count(kMetadata),
                               expected.size()));
  }
  std::vector<Range> ranges;
  for (const TensorSpec& spec : expected) {
    const auto range = find(header, spec, data_bytes);
    if (!range) return std::unexpected(range.error());
    ranges.push_back(*range);
  }
  if (const auto tiled = check_tiling(ranges, data_bytes); !tiled) {
    return std::unexpected(tiled.error());
  }
  return ranges;
}

}  // namespace

Result<std::vector<std::span<const float>>> read_safetensors(ByteView file,
                                                             std::span<const TensorSpec> expected) {
  const auto text = header_text(file);
  if (!text) return std::unexpected(text.error());
  const auto header = parse_header(*text);
  if (!header) return std::unexpected(header.error());
  const ByteView data = file.subspan(sizeof(std::uint64_t) + text->size());
  if (reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) != 0) {
    return corrupt("the header's length is no multiple of 4");
  }
  const auto ranges = find_all(*header, expected, data.size());
  if (!ranges) return std::unexpected(ranges.error());
  std::vector<std::span<const float>> out;
  for (const Range& range : *ranges) {
    out.emplace_back(reinterpret_cast<const float*>(data.data() + range.begin),
                     (range.end - range.begin) / sizeof(float));
  }
  return out;
}

}  // namespace worldshare::verifier
