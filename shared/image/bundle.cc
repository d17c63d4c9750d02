#include "shared/image/bundle.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace worldshare::image {
namespace {

constexpr std::string_view kMagic = "WSFB";
constexpr std::size_t kCountBytes = 4;
constexpr std::size_t kSizeBytes = 8;

Bytes::iterator write(Bytes::iterator at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) *at++ = static_cast<std::uint8_t>(value >> 8 * i);
  return at;
}

std::uint64_t read(ByteView bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) out |= std::uint64_t{bytes[i]} << 8 * i;
  return out;
}

std::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kCorrupt, "the bundle of frames " + what);
}

}  // namespace

Bytes bundle(std::span<const Bytes> images) {
  WS_CHECK(!images.empty() && images.size() <= kMaxBundled, "a bundle holds images");
  std::size_t total = kMagic.size() + kCountBytes + kSizeBytes * images.size();
  for (const Bytes& image : images) total += image.size();
  Bytes out(total);
  auto at = std::ranges::copy(kMagic, out.begin()).out;
  at = write(at, images.size(), kCountBytes);
  for (const Bytes& image : images) at = write(at, image.size(), kSizeBytes);
  for (const Bytes& image : images) at = std::ranges::copy(image, at).out;
  return out;
}

Result<std::vector<ByteView>> unbundle(ByteView bytes, std::uint32_t count) {
  constexpr std::size_t kHead = kMagic.size() + kCountBytes;
  if (bytes.size() < kHead || as_text(bytes.first(kMagic.size())) != kMagic)
    return wrong("is none");
  const std::uint64_t claimed = read(bytes.subspan(kMagic.size(), kCountBytes));
  if (count == 0 || claimed != count) {
    return wrong("holds " + std::to_string(claimed) + " images, asked were " +
                 std::to_string(count));
  }
  ByteView sizes = bytes.subspan(kHead);
  if (sizes.size() / kSizeBytes < count) return wrong("ends within its head");
  ByteView rest = sizes.subspan(kSizeBytes * count);
  std::vector<ByteView> out;
  for (; out.size() < count; sizes = sizes.subspan(kSizeBytes)) {
    const std::uint64_t size = read(sizes.first(kSizeBytes));
    if (size == 0) return wrong("has an empty image");
    if (size > rest.size()) return wrong("is shorter than its images");
    out.push_back(rest.first(size));
    rest = rest.subspan(size);
  }
  if (!rest.empty()) return wrong("has more than its images");
  return out;
}

}  // namespace worldshare::image
