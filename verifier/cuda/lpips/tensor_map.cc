#include "verifier/cuda/lpips/tensor_map.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <array>

namespace worldshare::verifier::cuda {
namespace {

constexpr unsigned kApiVersion = 12000;

template <class Function>
bool load_function(const char* name, Function& out) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult state = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &found, kApiVersion, cudaEnableDefault, &state);
  out = reinterpret_cast<Function>(found);
  return error == cudaSuccess && state == cudaDriverEntryPointSuccess && found != nullptr;
}

std::uint64_t wide(int value) { return static_cast<std::uint64_t>(value); }

Result<CUtensorMap> result(CUresult code, const CUtensorMap& map) {
  if (code == CUDA_SUCCESS) return map;
  return fail(Errc::kInternal,
              fmt::format("CUDA: a tensor map is refused with code {}", static_cast<int>(code)));
}

}  // namespace

Result<TensorMaps> TensorMaps::load() {
  TensorMaps out;
  if (!load_function("cuTensorMapEncodeIm2col", out.im2col_) ||
      !load_function("cuTensorMapEncodeTiled", out.tiled_)) {
    return fail(Errc::kUnavailable, "CUDA: the driver is older than CUDA 12");
  }
  return out;
}

Result<CUtensorMap> TensorMaps::pixels(const FeatureSpace& f,
                                       int kernel,
                                       int pad,
                                       int pixels) const {
  constexpr unsigned kRank = 4;
  const std::uint64_t pixel_bytes = wide(f.chunks) * kChunk * sizeof(__half);
  const std::array<std::uint64_t, kRank> sizes = {wide(f.chunks) * kChunk, wide(f.width),
                                                  wide(f.height), wide(f.pictures)};
  const std::array<std::uint64_t, kRank - 1> strides = {
      pixel_bytes, pixel_bytes * wide(f.width), pixel_bytes * wide(f.width) * wide(f.height)};
  const std::array<int, 2> lower = {-pad, -pad};
  const std::array<int, 2> upper = {pad - kernel + 1, pad - kernel + 1};
  const std::array<std::uint32_t, kRank> steps = {1, 1, 1, 1};
  CUtensorMap map;
  const CUresult code =
      im2col_(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, kRank, f.data, sizes.data(), strides.data(),
              lower.data(), upper.data(), kChunk, static_cast<std::uint32_t>(pixels), steps.data(),
              CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
              CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result(code, map);
}

Result<CUtensorMap> TensorMaps::rows(void* data, int chunks, int rows, int box_rows) const {
  constexpr unsigned kRank = 2;
  const std::array<std::uint64_t, kRank> sizes = {wide(chunks) * kChunk, wide(rows)};
  const std::array<std::uint64_t, kRank - 1> strides = {wide(chunks) * kChunk * sizeof(__half)};
  const std::array<std::uint32_t, kRank> box = {kChunk, static_cast<std::uint32_t>(box_rows)};
  const std::array<std::uint32_t, kRank> steps = {1, 1};
  CUtensorMap map;
  const CUresult code =
      tiled_(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, kRank, data, sizes.data(), strides.data(),
             box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result(code, map);
}

}  // namespace worldshare::verifier::cuda
