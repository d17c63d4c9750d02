#include "verifier/cuda/cuda_metrics.h"
#include "verifier/cuda/lpips/cuda_lpips.h"

// What a build without CUDA's compiler has in the place of verifier/cuda.

namespace worldshare::verifier {
namespace {

std::unexpected<Error> not_built() {
  return fail(Errc::kUnavailable, "this program was built without CUDA");
}

}  // namespace

Result<std::unique_ptr<Metrics>> make_cuda_metrics(const MetricsOptions&,
                                                   const CudaMetricsOptions&) {
  return not_built();
}

Result<std::unique_ptr<Lpips>> make_cuda_lpips(const std::filesystem::path&,
                                               Net,
                                               const CudaLpipsOptions&) {
  return not_built();
}

std::unique_ptr<PictureMemory> make_pinned_memory(std::size_t) {
  return std::make_unique<HeapMemory>();
}

}  // namespace worldshare::verifier
