#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "shared/bytes.h"

namespace worldshare::swarm {

/// An image that was never rendered, with its name as a blob.
struct SyntheticPicture {
  Bytes bytes;
  std::string sha256;
};

/// Canonical 8-bit RGB PNG files: a gradient whose colours follow from `seed`, so that equal seeds
/// give equal bytes on every machine and different ones pictures that no tolerance takes for alike.
Bytes make_picture(std::uint32_t width, std::uint32_t height, std::uint64_t seed);

/// Pictures that were asked for before; never more than kKept. One thread.
class SyntheticPictures {
 public:
  static constexpr std::size_t kKept = 4096;
  /// Valid until the next call.
  const SyntheticPicture& get(std::uint32_t width, std::uint32_t height, std::uint64_t seed);

 private:
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>, SyntheticPicture> kept_;
};

}  // namespace worldshare::swarm
