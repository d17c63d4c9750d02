#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "verifier/cuda/lpips/convolve.h"

/// Eight neighbouring channels of split features.
namespace worldshare::verifier::cuda {

struct Eight {
  float v[8];
};

__device__ inline std::uint32_t pack(__half a, __half b) {
  return static_cast<std::uint32_t>(__half_as_ushort(a)) |
         static_cast<std::uint32_t>(__half_as_ushort(b)) << 16;
}

/// `high` is where their high halves are, aligned to 16 bytes.
__device__ inline Eight load_split(const __half* high) {
  const uint4 h = *reinterpret_cast<const uint4*>(high);
  const uint4 l = *reinterpret_cast<const uint4*>(high + kGroup);
  const std::uint32_t hs[4] = {h.x, h.y, h.z, h.w};
  const std::uint32_t ls[4] = {l.x, l.y, l.z, l.w};
  Eight out;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 a = __half22float2(*reinterpret_cast<const __half2*>(&hs[i]));
    const float2 b = __half22float2(*reinterpret_cast<const __half2*>(&ls[i]));
    out.v[2 * i] = a.x + b.x;
    out.v[2 * i + 1] = a.y + b.y;
  }
  return out;
}

__device__ inline void store_split(__half* high, const Eight& values) {
  std::uint32_t hs[4];
  std::uint32_t ls[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float a = values.v[2 * i];
    const float b = values.v[2 * i + 1];
    const __half2 h = __floats2half2_rn(a, b);
    const float2 back = __half22float2(h);
    const __half2 l = __floats2half2_rn(a - back.x, b - back.y);
    hs[i] = pack(__low2half(h), __high2half(h));
    ls[i] = pack(__low2half(l), __high2half(l));
  }
  *reinterpret_cast<uint4*>(high) = make_uint4(hs[0], hs[1], hs[2], hs[3]);
  *reinterpret_cast<uint4*>(high + kGroup) = make_uint4(ls[0], ls[1], ls[2], ls[3]);
}

}  // namespace worldshare::verifier::cuda
