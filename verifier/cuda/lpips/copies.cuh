#pragma once

#include <cuda.h>

#include <cstdint>

/// Hopper's copy engine, and the barriers on which its copies complete.
namespace worldshare::verifier::cuda {

__device__ inline std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

__device__ inline void init_barrier(std::uint64_t* barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals));
}
/// Makes the barriers known to the copy engine.
__device__ inline void barriers_ready() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ inline void arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}
__device__ inline void arrive_and_expect(std::uint64_t* barrier, std::uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
__device__ inline void wait(std::uint64_t* barrier, std::uint32_t parity) {
  std::uint32_t done = 0;
  while (done == 0) {
    asm volatile(
        "{\n.reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n}"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
  }
}

/// The place of a box in a tensor: of pixels in im2col order, seen by one element of a kernel.
struct PixelBox {
  int half;
  int x;
  int y;
  int picture;
  std::uint16_t kernel_x;
  std::uint16_t kernel_y;
};
__device__ inline void copy_pixels(void* shared,
                                   const CUtensorMap* map,
                                   const PixelBox& box,
                                   std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8};" ::"r"(shared_address(shared)),
      "l"(map), "r"(shared_address(barrier)), "r"(box.half), "r"(box.x), "r"(box.y),
      "r"(box.picture), "h"(box.kernel_x), "h"(box.kernel_y)
      : "memory");
}
__device__ inline void copy_rows(
    void* shared, const CUtensorMap* map, int half, int row, std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4}], [%2];" ::"r"(shared_address(shared)),
      "l"(map), "r"(shared_address(barrier)), "r"(half), "r"(row)
      : "memory");
}

}  // namespace worldshare::verifier::cuda
