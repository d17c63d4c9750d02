#include "verifier/metrics/replicas.h"

#include <fmt/format.h>

#include <array>

namespace worldshare::verifier {
namespace {

std::string describe(const Shape& shape) {
  constexpr std::array kDepths{"8 bits", "16 bits", "half floats", "floats"};
  return fmt::format("{}x{} with {} channel{} of {}", shape.width, shape.height, shape.channels,
                     shape.channels == 1 ? "" : "s",
                     kDepths[static_cast<std::size_t>(shape.depth)]);
}

Result<> check(std::span<const Picture> pictures) {
  if (pictures.size() < 2 || pictures.size() > kMaxReplicas) {
    return fail(Errc::kInvalid, fmt::format("2 to {} pictures can be compared, not {}",
                                            kMaxReplicas, pictures.size()));
  }
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (pictures[i].empty()) return fail(Errc::kInvalid, fmt::format("picture {} is empty", i));
    if (pictures[i].shape() == pictures[0].shape()) continue;
    return fail(Errc::kInvalid,
                fmt::format("the pictures differ: one is {}, another {}",
                            describe(pictures[0].shape()), describe(pictures[i].shape())));
  }
  return {};
}

}  // namespace

Result<kernels::Replicas> view_replicas(std::span<const Picture> pictures, Coding coding) {
  if (auto ok = check(pictures); !ok) return std::unexpected(ok.error());
  const Shape& shape = pictures[0].shape();
  kernels::Replicas out;
  for (const Picture& picture : pictures) out.data[out.count++] = picture.data();
  out.stride = shape.stride();
  out.width = shape.width;
  out.height = shape.height;
  out.channels = shape.channels;
  out.colours = static_cast<std::uint32_t>(shape.colour_channels());
  out.depth = shape.depth;
  out.log = is_float(shape.depth) && coding == Coding::kLog;
  out.peak = peak_of(shape.depth);
  return out;
}

}  // namespace worldshare::verifier
