#include "verifier/metrics/kernels/kernels.h"

#include <vector>

namespace worldshare::verifier::kernels {
namespace {

std::vector<const Kernels*> detect() {
  std::vector<const Kernels*> out;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (avx2 && avx512) out.push_back(&kAvx512);
  if (avx2) out.push_back(&kAvx2);
#endif
  out.push_back(&kPortable);
  return out;
}

}  // namespace

std::span<const Kernels* const> available() {
  static const std::vector<const Kernels*> found = detect();
  return found;
}

}  // namespace worldshare::verifier::kernels
