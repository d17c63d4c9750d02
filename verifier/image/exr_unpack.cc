#include "verifier/image/exr_unpack.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>

#include "shared/unique_handle.h"

#ifdef __x86_64__
#include <emmintrin.h>
#endif

// "OpenEXR File Layout" and ImfZip.cpp, ImfRle.cpp of OpenEXR 3.1: bytes are split into those at
// even and those at odd places, each is stored as its difference to the one before plus 128, and
// the result is packed.

namespace worldshare::verifier {
namespace {

bool inflate(ByteView packed, std::span<std::uint8_t> out) {
  const UniqueHandle<libdeflate_decompressor, libdeflate_free_decompressor> decompressor(
      libdeflate_alloc_decompressor());
  // Without a place for the size, anything but exactly out.size() bytes is an error.
  return decompressor &&
         libdeflate_zlib_decompress(decompressor.get(), packed.data(), packed.size(), out.data(),
                                    out.size(), nullptr) == LIBDEFLATE_SUCCESS;
}

/// A count below zero: so many bytes as they are; otherwise the next byte, once more than that.
bool expand_runs(ByteView packed, std::span<std::uint8_t> out) {
  std::size_t at = 0;
  std::size_t written = 0;
  while (at < packed.size()) {
    const int code = packed[at++];
    const int count = code < 128 ? code : code - 256;
    const auto size = static_cast<std::size_t>(count < 0 ? -count : count + 1);
    const std::size_t taken = count < 0 ? size : 1;
    if (taken > packed.size() - at || size > out.size() - written) return false;
    if (count < 0) std::memcpy(out.data() + written, packed.data() + at, size);
    if (count >= 0) std::memset(out.data() + written, packed[at], size);
    at += taken;
    written += size;
  }
  return written == out.size();
}

/// Each byte becomes the sum of those up to it, less 128 for all but the first.
void take_back_differences(std::span<std::uint8_t> bytes) {
  std::size_t i = 0;
  std::uint8_t sum = 0x80;
#ifdef __x86_64__
  __m128i carry = _mm_set1_epi8(static_cast<char>(0x80));
  for (; i + 16 <= bytes.size(); i += 16) {
    auto* at = reinterpret_cast<__m128i*>(bytes.data() + i);
    __m128i x = _mm_xor_si128(_mm_loadu_si128(at), _mm_set1_epi8(static_cast<char>(0x80)));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 1));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 4));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 8));
    x = _mm_add_epi8(x, carry);
    _mm_storeu_si128(at, x);
    const __m128i high = _mm_unpackhi_epi8(x, x);
    carry = _mm_shuffle_epi32(_mm_shufflehi_epi16(high, 0xff), 0xff);
  }
  if (i != 0) sum = bytes[i - 1];
#endif
  for (; i < bytes.size(); ++i) {
    sum = static_cast<std::uint8_t>(sum + bytes[i] + 0x80);
    bytes[i] = sum;
  }
}

void join_halves(std::span<const std::uint8_t> halves, std::uint8_t* out) {
  const std::size_t pairs = halves.size() / 2;
  const std::uint8_t* even = halves.data();
  const std::uint8_t* odd = even + (halves.size() - pairs);
  std::size_t i = 0;
#ifdef __x86_64__
  for (; i + 16 <= pairs; i += 16) {
    const __m128i p = _mm_loadu_si128(reinterpret_cast<const __m128i*>(even + i));
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(odd + i));
    auto* at = reinterpret_cast<__m128i*>(out + 2 * i);
    _mm_storeu_si128(at, _mm_unpacklo_epi8(p, q));
    _mm_storeu_si128(at + 1, _mm_unpackhi_epi8(p, q));
  }
#endif
  for (; i < pairs; ++i) {
    out[2 * i] = even[i];
    out[2 * i + 1] = odd[i];
  }
  if (halves.size() % 2 != 0) out[2 * i] = even[i];
}

}  // namespace

bool ExrUnpacker::unpack(ByteView packed, std::span<std::uint8_t> out) {
  if (packed.size() == out.size()) {
    std::ranges::copy(packed, out.begin());
    return true;
  }
  if (packing_ == ExrPacking::kNone || packed.size() > out.size()) return false;
  plain_.resize(out.size());
  const bool whole =
      packing_ == ExrPacking::kZip ? inflate(packed, plain_) : expand_runs(packed, plain_);
  if (!whole) return false;
  take_back_differences(plain_);
  join_halves(plain_, out.data());
  return true;
}

}  // namespace worldshare::verifier
