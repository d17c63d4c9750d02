#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

std::size_t pair_count(std::size_t replicas) { return replicas * (replicas - 1) / 2; }

std::size_t pair_index(std::size_t a, std::size_t b, std::size_t replicas) {
  return a * (2 * replicas - a - 1) / 2 + (b - a - 1);
}

}  // namespace worldshare::verifier
