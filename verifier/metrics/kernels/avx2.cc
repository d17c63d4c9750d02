#include "verifier/metrics/kernels/set.h"

namespace worldshare::verifier::kernels {
namespace {

struct Isa {
  static constexpr std::size_t kBytes = 32;
};

}  // namespace

const Kernels kAvx2{"avx2", Set<Isa>::difference, Set<Isa>::window};

}  // namespace worldshare::verifier::kernels
