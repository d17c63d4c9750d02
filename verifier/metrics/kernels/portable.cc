#include "verifier/metrics/kernels/set.h"

namespace worldshare::verifier::kernels {
namespace {

struct Isa {
  static constexpr std::size_t kBytes = 16;
};

}  // namespace

const Kernels kPortable{"portable", Set<Isa>::difference, Set<Isa>::window};

}  // namespace worldshare::verifier::kernels
