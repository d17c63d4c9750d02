#include "verifier/policy/prior.h"

#include <algorithm>

namespace worldshare::verifier::policy {

double Prior::malicious_share(const Population& population) const {
  const double weight = population.malicious_share_weight;
  const double bad = weight * population.malicious_share + static_cast<double>(excluded);
  const double all = weight + static_cast<double>(excluded) + static_cast<double>(vetted);
  return std::clamp(bad / all, population.malicious_share_min, population.malicious_share_max);
}

}  // namespace worldshare::verifier::policy
