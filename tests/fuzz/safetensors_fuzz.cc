#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "verifier/lpips/safetensors.h"

// Any file: no crash, and what is accepted lies within the file.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using worldshare::verifier::TensorSpec;
  static const std::vector<TensorSpec> kExpected = {{"a", {2}}, {"b", {1, 3}}};
  std::vector<std::uint64_t> aligned(size / 8 + 1);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const auto* begin = reinterpret_cast<const std::uint8_t*>(aligned.data());
  const auto tensors = worldshare::verifier::read_safetensors({begin, size}, kExpected);
  if (!tensors) return 0;
  for (const auto& tensor : *tensors) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(tensor.data());
    WS_CHECK(first >= begin && first + tensor.size_bytes() <= begin + size,
             "tensors lie within the file");
  }
  WS_CHECK(tensors->at(0).size() == 2 && tensors->at(1).size() == 3, "tensors have their shapes");
  return 0;
}
