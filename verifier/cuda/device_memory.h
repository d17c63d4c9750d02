#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "shared/bytes.h"
#include "shared/result.h"
#include "shared/unique_handle.h"

namespace worldshare::verifier::cuda {

using DeviceMemory = UniqueHandle<void, cudaFree>;
using Stream = UniqueHandle<CUstream_st, cudaStreamDestroy>;

/// kUnavailable, with CUDA's reason and what was tried.
Result<> check(cudaError_t error, std::string_view what);
/// Aligned to 256 bytes.
Result<DeviceMemory> allocate(std::size_t size_bytes);
/// A copy in device memory.
Result<DeviceMemory> upload(ByteView bytes);
/// Work on it does not wait for that of other streams.
Result<Stream> make_stream();

}  // namespace worldshare::verifier::cuda
