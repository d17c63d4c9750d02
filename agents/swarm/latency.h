#pragma once

#include <chrono>
#include <random>
#include <string>

#include "shared/result.h"

namespace worldshare::swarm {

using Random = std::mt19937_64;

/// How long a synthetic render takes.
class Latency {
 public:
  enum class Model : std::uint8_t { kFixed, kExponential, kPareto };

  /// "fixed:SECONDS", "exponential:MEAN" or "pareto:LEAST:SHAPE" (a heavy tail; the smaller the
  /// shape the heavier, infinite mean at 1 and below). kInvalid says what is wrong.
  static Result<Latency> parse(const std::string& text);

  /// At most an hour, so that a heavy tail cannot outlive a run.
  std::chrono::microseconds draw(Random& random) const;

 private:
  Model model_ = Model::kFixed;
  double seconds_ = 0;
  double shape_ = 1;
};

}  // namespace worldshare::swarm
