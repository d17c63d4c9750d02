#pragma once

#include <cuda_fp16.h>

#include <cstdint>

/// How kernels read samples: four pixels of one row at a time.
namespace worldshare::verifier::cuda {

inline constexpr float kLargestHalf = 65504.0F;
inline constexpr float kLog2E = 1.4426950408889634F;

/// Four pixels of `C` samples of type T as words.
template <class T, int C>
struct FourPixels {
  static constexpr int kWords = C * static_cast<int>(sizeof(T));
  std::uint32_t words[kWords];

  __device__ void load(const unsigned char* from) {
    if constexpr (kWords % 4 == 0) {
#pragma unroll
      for (int i = 0; i < kWords; i += 4) {
        const uint4 v = *reinterpret_cast<const uint4*>(from + 4 * i);
        words[i] = v.x, words[i + 1] = v.y, words[i + 2] = v.z, words[i + 3] = v.w;
      }
    } else if constexpr (kWords % 2 == 0) {
#pragma unroll
      for (int i = 0; i < kWords; i += 2) {
        const uint2 v = *reinterpret_cast<const uint2*>(from + 4 * i);
        words[i] = v.x, words[i + 1] = v.y;
      }
    } else {
#pragma unroll
      for (int i = 0; i < kWords; ++i)
        words[i] = *reinterpret_cast<const std::uint32_t*>(from + 4 * i);
    }
  }

  __device__ T sample(int pixel, int channel) const {
    const int at = pixel * C + channel;
    if constexpr (sizeof(T) == 4) {
      return reinterpret_cast<const T&>(words[at]);
    } else if constexpr (sizeof(T) == 2) {
      const auto half = static_cast<std::uint16_t>(words[at / 2] >> (16 * (at % 2)));
      return reinterpret_cast<const T&>(half);
    } else {
      return static_cast<T>(words[at / 4] >> (8 * (at % 4)));
    }
  }

  /// Floats and halves: whether the exponent of any is all ones.
  __device__ bool has_non_finite() const {
    std::uint32_t found = 0;
#pragma unroll
    for (int i = 0; i < kWords; ++i) found |= non_finite(words[i]);
    return found != 0;
  }
  /// Infinities and NaN become 0.
  __device__ void drop_non_finite() {
#pragma unroll
    for (int i = 0; i < kWords; ++i) words[i] &= ~non_finite(words[i]);
  }

 private:
  /// All ones where a value is not finite.
  static __device__ std::uint32_t non_finite(std::uint32_t word) {
    if constexpr (sizeof(T) == 4) {
      return (word & 0x7f800000U) == 0x7f800000U ? ~0U : 0U;
    } else {
      return ((word & 0x7c00U) == 0x7c00U ? 0xffffU : 0U) |
             ((word & 0x7c000000U) == 0x7c000000U ? 0xffff0000U : 0U);
    }
  }
};

/// The bytes of one channel of four pixels, in one word.
__device__ inline std::uint32_t channel_bytes(const FourPixels<std::uint8_t, 3>& p, int channel) {
  const auto& w = p.words;
  if (channel == 0) return __byte_perm(__byte_perm(w[0], w[1], 0x0630), w[2], 0x5210);
  if (channel == 1) return __byte_perm(__byte_perm(w[0], w[1], 0x0741), w[2], 0x6210);
  return __byte_perm(__byte_perm(w[0], w[1], 0x0052), w[2], 0x7410);
}
__device__ inline std::uint32_t channel_bytes(const FourPixels<std::uint8_t, 4>& p, int channel) {
  const auto& w = p.words;
  const std::uint32_t pick =
      static_cast<std::uint32_t>(channel) | (4U + static_cast<std::uint32_t>(channel)) << 4U;
  return __byte_perm(__byte_perm(w[0], w[1], pick), __byte_perm(w[2], w[3], pick), 0x5410);
}

__device__ inline float as_float(std::uint16_t v) { return static_cast<float>(v); }
__device__ inline float as_float(__half v) { return __half2float(v); }
__device__ inline float as_float(float v) { return v; }

__device__ inline bool differ_in_kind(float a, float b) {
  if (isfinite(a) && isfinite(b)) return false;
  if (isnan(a) || isnan(b)) return isnan(a) != isnan(b);
  return a != b;
}

/// How a finite float is compared; both codings end at 16.
struct LogCoding {
  static __device__ float clamp(float v) { return fminf(fmaxf(v, 0.0F), kLargestHalf); }
  static __device__ float code(float v) { return __log2f(1.0F + v); }
  /// code(a) - code(b) to the precision of a float relative to itself.
  static __device__ float difference(float a, float b) {
    const float d = a - b;
    const float size = log1pf(fabsf(d) / (1.0F + fminf(a, b))) * kLog2E;
    return copysignf(size, d);
  }
};
struct LinearCoding {
  static __device__ float clamp(float v) { return fminf(fmaxf(v, 0.0F), 16.0F); }
  static __device__ float code(float v) { return v; }
  static __device__ float difference(float a, float b) { return a - b; }
};

}  // namespace worldshare::verifier::cuda
