#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "verifier/cuda/tensor.cuh"

/// How kernels read samples: four pixels of one row at a time.
namespace worldshare::verifier::cuda {

inline constexpr float kLargestHalf = 65504.0F;
inline constexpr float kHidden = 1e-3F;  ///< so little below 0 nothing matters
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

  /// Floats and halves: false only where all samples of both are finite and in [-kHidden, 65504].
  __device__ bool may_differ_in_kind(const FourPixels& other) const {
    if constexpr (sizeof(T) == 4) {
      // As integers what is negative, infinite or NaN is greater than what is not.
      std::uint32_t largest = 0;
#pragma unroll
      for (int i = 0; i < kWords; ++i)
        largest = __vimax3_u32(largest, raised(words[i]), raised(other.words[i]));
      return largest > __float_as_uint(kLargestHalf);
    } else {
      __half2 least = halves(words[0]);
      __half2 largest = least;
#pragma unroll
      for (int i = 0; i < kWords; ++i) {
        least = __hmin2_nan(least, __hmin2_nan(halves(words[i]), halves(other.words[i])));
        largest = __hmax2_nan(largest, __hmax2_nan(halves(words[i]), halves(other.words[i])));
      }
      constexpr std::uint32_t kMinusHidden = 0x94189418;  // rounded towards 0
      constexpr std::uint32_t kLargest = 0x7bff7bff;
      return !(__hbge2(least, halves(kMinusHidden)) && __hble2(largest, halves(kLargest)));
    }
  }
  /// Infinities and NaN become 0.
  __device__ void drop_non_finite() {
#pragma unroll
    for (int i = 0; i < kWords; ++i) words[i] &= ~non_finite(words[i]);
  }

 private:
  static __device__ std::uint32_t raised(std::uint32_t word) {
    return __float_as_uint(__uint_as_float(word) + kHidden);
  }
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

/// How far a finite sample lies outside of [0, 65504].
__device__ inline float hidden(float v) { return v - fminf(fmaxf(v, 0.0F), kLargestHalf); }

/// See PairMetrics::non_finite_mismatches.
__device__ inline bool differ_in_kind(float a, float b) {
  if (isnan(a) || isnan(b)) return isnan(a) != isnan(b);
  if (isinf(a) || isinf(b)) return a != b;
  const float allowed = fmaxf(kHidden, fmaxf(fabsf(a), fabsf(b)) / 2);
  return fabsf(hidden(a) - hidden(b)) > allowed;
}

/// Two finite floats as they are compared.
struct Codes {
  float a;  ///< at most 16
  float b;
  float difference;  ///< to the precision of a float relative to itself
};

// Without what the library's functions do for denormal numbers and huge ones, of which there are
// none.
__device__ inline float log2_of(float v) {
  float r;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}
__device__ inline float reciprocal(float v) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}

struct LogCoding {
  static __device__ Codes of(float a, float b) {
    a = fminf(fmaxf(a, 0.0F), kLargestHalf);
    b = fminf(fmaxf(b, 0.0F), kLargestHalf);
    const float code_a = log2_of(1.0F + a);
    const float code_b = log2_of(1.0F + b);
    // log((1 + a) / (1 + b)) is 2 atanh(r); where r is small the logarithms lie too close.
    const float r = (a - b) * reciprocal((1.0F + a) + (1.0F + b));
    const float q = r * r;
    const float series = fmaf(q, fmaf(q, fmaf(q, 1.0F / 7, 1.0F / 5), 1.0F / 3), 1.0F);
    const bool near = q < 0.01F;
    return {code_a, code_b, near ? 2 * kLog2E * r * series : code_a - code_b};
  }
};
struct LinearCoding {
  static __device__ Codes of(float a, float b) {
    const float code_a = 16.0F * __saturatef(a / 16.0F);
    const float code_b = 16.0F * __saturatef(b / 16.0F);
    return {code_a, code_b, code_a - code_b};
  }
};

}  // namespace worldshare::verifier::cuda
