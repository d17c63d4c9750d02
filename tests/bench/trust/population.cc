#include "tests/bench/trust/population.h"

namespace trust_bench {
namespace {

constexpr double kSpeedSigma = 0.5;
constexpr double kVisitorShare = 0.3;
constexpr double kVisitorTasks = 10;
constexpr double kRegularTasks = 200;

}  // namespace

std::uint32_t Population::add(bool malicious) {
  Identity one;
  one.malicious = malicious;
  one.flaky = !malicious && random_.chance(model_.flaky);
  one.gpu = random_.chance(model_.gpu);
  one.speed = static_cast<float>(random_.lognormal(kSpeedSigma));
  const bool visitor = !malicious && random_.chance(kVisitorShare);
  one.tasks_left = random_.geometric(visitor ? kVisitorTasks : kRegularTasks);
  all_.push_back(one);
  return static_cast<std::uint32_t>(all_.size() - 1);
}

}  // namespace trust_bench
