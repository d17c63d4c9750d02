#include "verifier/metrics/kernels/set.h"

namespace worldshare::verifier::kernels {
namespace {

struct Isa {
  static constexpr std::size_t kBytes = 64;
};

}  // namespace

const Kernels kAvx512{"avx512", Set<Isa>::difference, Set<Isa>::window};

}  // namespace worldshare::verifier::kernels
