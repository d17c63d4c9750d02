#include "agents/swarm/histogram.h"

#include <algorithm>
#include <cmath>

namespace worldshare::swarm {

void Histogram::add(std::chrono::microseconds time) {
  const double us = std::max<double>(1, static_cast<double>(time.count()));
  const auto index = static_cast<std::size_t>(std::log2(us) * kStepsAnOctave);
  ++buckets_[std::min(index, buckets_.size() - 1)];
  ++count_;
}

double Histogram::quantile_ms(double fraction) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < buckets_.size() && count_ > 0; ++index) {
    seen += buckets_[index];
    if (seen >= std::max<std::uint64_t>(1, wanted)) {
      return std::exp2(static_cast<double>(index + 1) / kStepsAnOctave) / 1000;
    }
  }
  return 0;
}

}  // namespace worldshare::swarm
