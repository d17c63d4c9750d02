#pragma once

#include <cuda_fp16.h>

#include <cstdint>

/// Tensor-core instructions of one warp, and their operands. Lane l holds, with g = l / 4, t = l %
/// 4: of A (16 x k) rows g and g + 8, columns 2t, 2t+1 (and 8 more for k = 16); of B (k x 8) rows
/// 2t, 2t+1 (and 8 more) of column g; of C (16 x 8) rows g and g + 8, columns 2t, 2t+1.
namespace worldshare::verifier::cuda {

struct Accumulator {
  float v[4] = {};
};

/// d = a b + c with halves in and floats out. `d` may be `c`.
__device__ inline void mma_k16(Accumulator& d,
                               const std::uint32_t (&a)[4],
                               std::uint32_t b0,
                               std::uint32_t b1,
                               const Accumulator& c) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%11,%12,%13};"
      : "=f"(d.v[0]), "=f"(d.v[1]), "=f"(d.v[2]), "=f"(d.v[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c.v[0]), "f"(c.v[1]),
        "f"(c.v[2]), "f"(c.v[3]));
}

__device__ inline void mma_k8(Accumulator& d,
                              const std::uint32_t (&a)[2],
                              std::uint32_t b,
                              const Accumulator& c) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
      "{%7,%8,%9,%10};"
      : "=f"(d.v[0]), "=f"(d.v[1]), "=f"(d.v[2]), "=f"(d.v[3])
      : "r"(a[0]), "r"(a[1]), "r"(b), "f"(c.v[0]), "f"(c.v[1]), "f"(c.v[2]), "f"(c.v[3]));
}

/// The same with k = 32 and an `a` of which each row holds two values of every four: `a` holds
/// those, `places` where they stand. Lane l has rows g and g + 8 again; its registers are groups t
/// and t + 4 of four. Of B it holds rows 8i + 2t, 8i + 2t + 1 of column g.
__device__ inline void mma_sparse_k32(Accumulator& d,
                                      const std::uint32_t (&a)[4],
                                      std::uint32_t places,
                                      const std::uint32_t (&b)[4],
                                      const Accumulator& c) {
  asm("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, "
      "{%4,%5,%6,%7}, {%8,%9,%10,%11}, {%12,%13,%14,%15}, %16, 0x0;"
      : "=f"(d.v[0]), "=f"(d.v[1]), "=f"(d.v[2]), "=f"(d.v[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]),
        "f"(c.v[0]), "f"(c.v[1]), "f"(c.v[2]), "f"(c.v[3]), "r"(places));
}

/// Four 8x8 matrices of halves, transposed; lane l names row l % 8 of matrix l / 8.
__device__ inline void load_transposed(std::uint32_t (&out)[4], const __half* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address));
}

__device__ inline std::uint32_t bits(__half2 value) {
  return *reinterpret_cast<std::uint32_t*>(&value);
}
__device__ inline __half2 halves(std::uint32_t value) {
  return *reinterpret_cast<__half2*>(&value);
}

/// Keeps a value in a register of its own: the compiler would rather move it in place again and
/// again.
__device__ inline void pin(std::uint32_t& value) { asm volatile("" : "+r"(value)); }
__device__ inline void pin(float& value) { asm volatile("" : "+f"(value)); }
__device__ inline Accumulator pinned(float value) {
  Accumulator out{{value, value, value, value}};
  for (float& v : out.v) pin(v);
  return out;
}

/// x and y as the sum of two halves each: 22 bits.
__device__ inline void split(float x, float y, std::uint32_t& high, std::uint32_t& low) {
  const __half2 h = __floats2half2_rn(x, y);
  const float2 f = __half22float2(h);
  high = bits(h);
  low = bits(__floats2half2_rn(x - f.x, y - f.y));
}

/// 16 bytes from global to shared memory; zeros when `ok` is false.
__device__ inline void copy_async(void* shared, const void* global, bool ok) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int size = ok ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global),
               "r"(size));
}
__device__ inline void copies_done() { asm volatile("cp.async.wait_all;" ::: "memory"); }

}  // namespace worldshare::verifier::cuda
