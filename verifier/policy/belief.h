#pragma once

#include "verifier/policy/parameters.h"
#include "verifier/policy/record.h"

namespace worldshare::verifier::policy {

/// Logarithms of how well each part of the population explains a record.
struct Likelihoods {
  double honest = 0;
  double flaky = 0;
  double malicious = 0;
};

/// Marginal likelihood of a record under a Beta-Bernoulli model: log B(a + bad, b + ok) - log B(a,
/// b) for each part of the population. In logarithms, so no length of record underflows.
Likelihoods likelihoods(const Record& record, const Population& population);

/// What is believed of an identity.
struct Belief {
  double malice = 0;           ///< posterior that it is malicious, never below the sleeper's share
  double cheat_rate = 0;       ///< of its results that are bad if it is malicious
  double fault_rate = 0;       ///< probability that its next result is bad without malice
  double bare_malice = 0;      ///< posterior of malice without floor and change point
  double bare_cheat_rate = 0;  ///< the same for the cheat rate

  /// Probability that the next result is bad, as the record alone says.
  double bare_risk() const { return bare_malice * bare_cheat_rate + fault_rate; }
};

/// Bayes over the three parts of the population, with `malicious_share` as the prior of malice.
/// Two floors keep a sleeper from being trusted to the end: malice and malice times cheat rate stay
/// above the sleeper's shares. A CUSUM above memory.alarm is believed at the odds of a change
/// point.
Belief belief(const Record& record,
              const Likelihoods& fits,
              double malicious_share,
              const Parameters& parameters);

}  // namespace worldshare::verifier::policy
