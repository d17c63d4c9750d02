#include "verifier/cuda/device_memory.h"

#include <fmt/format.h>

namespace worldshare::verifier::cuda {

Result<> check(cudaError_t error, std::string_view what) {
  if (error == cudaSuccess) return {};
  return fail(Errc::kUnavailable, fmt::format("CUDA: {}: {}", what, cudaGetErrorString(error)));
}

Result<DeviceMemory> allocate(std::size_t size_bytes) {
  void* memory = nullptr;
  const auto done = check(cudaMalloc(&memory, size_bytes), fmt::format("{} bytes", size_bytes));
  if (!done) return std::unexpected(done.error());
  return DeviceMemory(memory);
}

Result<DeviceMemory> upload(ByteView bytes) {
  auto memory = allocate(bytes.size());
  if (!memory) return memory;
  const auto done = check(
      cudaMemcpy(memory->get(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice), "a copy");
  if (!done) return std::unexpected(done.error());
  return memory;
}

Result<Stream> make_stream() {
  cudaStream_t stream = nullptr;
  const auto done = check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  if (!done) return std::unexpected(done.error());
  return Stream(stream);
}

}  // namespace worldshare::verifier::cuda
