#pragma once

#include "verifier/cuda/staging.cuh"

/// Staging of 8-bit pictures: everything is exact.
namespace worldshare::verifier::cuda {

/// 1024 + each of the lower or upper two bytes.
__device__ inline __half2 bytes_as_halves(std::uint32_t bytes, int upper) {
  return halves(__byte_perm(bytes, 0x64646464U, upper != 0 ? 0x4342U : 0x4140U));
}

/// s = a + b - 255 and d = a - b.
template <int C>
__device__ void store_bytes(Chunk<C, std::uint8_t>& chunk,
                            std::uint32_t bytes_a,
                            std::uint32_t bytes_b,
                            int channel,
                            int row,
                            int column) {
  std::uint32_t s[2];
  std::uint32_t d[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const __half2 a = bytes_as_halves(bytes_a, i);
    const __half2 b = bytes_as_halves(bytes_b, i);
    s[i] = bits(__hsub2(a, halves(bits(b) ^ 0x00ff00ffU)));  // 1024 + 255 - b
    d[i] = bits(__hsub2(a, b));
  }
  store4(&chunk.planes[0][channel][row][column], s[0], s[1]);
  store4(&chunk.planes[1][channel][row][column], d[0], d[1]);
}

__device__ inline int dot(std::uint32_t bytes, std::uint32_t factors, int start) {
  int out;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(bytes), "r"(factors), "r"(start));
  return out;
}

/// The squares of p00 - p01 - p10 + p11 of the two cells in two rows of four bytes.
__device__ inline std::uint32_t haar_energy(std::uint32_t upper, std::uint32_t lower) {
  const int left = dot(upper, 0x0000ff01U, dot(lower, 0x000001ffU, 0));
  const int right = dot(upper, 0xff010000U, dot(lower, 0x01ff0000U, 0));
  return static_cast<std::uint32_t>(left * left + right * right);
}

__device__ inline std::uint32_t squared_difference(std::uint32_t a,
                                                   std::uint32_t b,
                                                   std::uint32_t start) {
  return __dp4a(a, a, __dp4a(b, b, start)) - 2 * __dp4a(a, b, 0U);
}
__device__ inline std::uint32_t byte_sum(std::uint32_t upper, std::uint32_t lower) {
  return __dp4a(upper, 0x01010101U, __dp4a(lower, 0x01010101U, 0U));
}

/// One channel of a thread's pixels: two rows of four bytes of both pictures.
struct ByteCells {
  std::uint32_t upper[2];
  std::uint32_t lower[2];

  __device__ std::uint32_t sse(std::uint32_t start) const {
    return squared_difference(upper[0], upper[1], squared_difference(lower[0], lower[1], start));
  }
};

/// What one thread's pixels add to the figures.
struct ByteFigures {
  std::uint32_t energy[2] = {};
  std::uint32_t sse = 0;
  std::uint32_t alpha = 0;
  std::uint32_t low_pass = 0;

  __device__ void add_colour(const ByteCells& cells) {
#pragma unroll
    for (int k = 0; k < 2; ++k) energy[k] += haar_energy(cells.upper[k], cells.lower[k]);
    sse = cells.sse(sse);
    // The sum of 64 bytes takes 14 bits, so both pictures share a word.
    const std::uint32_t sums = block_sum(byte_sum(cells.upper[0], cells.lower[0]) |
                                         byte_sum(cells.upper[1], cells.lower[1]) << 16U);
    const int d = static_cast<int>(sums & 0xffffU) - static_cast<int>(sums >> 16U);
    low_pass += static_cast<std::uint32_t>(d * d);
  }
  __device__ void add_alpha(const ByteCells& cells) { alpha = cells.sse(alpha); }

  template <bool kAlpha>
  __device__ void finish(const Band& band, Errors<std::uint8_t>& total) const {
    band.write_energies(static_cast<float>(energy[0]), static_cast<float>(energy[1]));
    const std::uint32_t colour = __reduce_add_sync(~0U, sse);
    total.colour += colour;
    if (kAlpha) total.alpha += __reduce_add_sync(~0U, alpha);
    total.low_pass += __reduce_add_sync(~0U, band.counts_low_pass ? low_pass : 0U);
    if (band.sse != nullptr) *band.sse = static_cast<float>(colour);
  }
};

/// Stages a lane's pixels of a chunk whose raw bytes have arrived; adds to `total` when the band
/// counts.
template <int C>
__device__ void stage(Chunk<C, std::uint8_t>& chunk,
                      const Place& place,
                      const Band& band,
                      Errors<std::uint8_t>& total,
                      bool counts) {
  FourPixels<std::uint8_t, C> pixels[2][2];
#pragma unroll
  for (int k = 0; k < 2; ++k) {
#pragma unroll
    for (int r = 0; r < 2; ++r) pixels[r][k].load(&chunk.raw[k][place.row + r][place.column * C]);
  }
  ByteFigures figures;
#pragma unroll
  for (int c = 0; c < C; ++c) {
    ByteCells cells;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      cells.upper[k] = channel_bytes(pixels[0][k], c);
      cells.lower[k] = channel_bytes(pixels[1][k], c);
    }
    if (c < kColours) {
      store_bytes(chunk, cells.upper[0], cells.upper[1], c, place.row, place.column);
      store_bytes(chunk, cells.lower[0], cells.lower[1], c, place.row + 1, place.column);
    }
    if (counts && c < kColours) figures.add_colour(cells);
    if (counts && c >= kColours) figures.add_alpha(cells);
  }
  if (counts) figures.finish<(C > kColours)>(band, total);
}

}  // namespace worldshare::verifier::cuda
