#include "verifier/policy/belief.h"

#include <algorithm>
#include <cmath>

namespace worldshare::verifier::policy {
namespace {

/// std::lgamma() writes a global; this one may be called by several threads.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double log_beta(double a, double b) { return log_gamma(a) + log_gamma(b) - log_gamma(a + b); }

double fit(const Record& record, const Rate& rate) {
  return log_beta(rate.bad + record.bad, rate.good + record.ok) - log_beta(rate.bad, rate.good);
}

double expected(const Record& record, const Rate& rate) {
  return (rate.bad + record.bad) / (rate.bad + rate.good + record.bad + record.ok);
}

/// Raises `out` where a change point explains the last results better.
void believe_change(const Record& record, double share, const Parameters& parameters, Belief& out) {
  if (record.cusum <= parameters.memory.alarm) return;
  const double log_odds = std::log(parameters.population.sleeper_share * share) + record.cusum;
  out.malice = std::max(out.malice, 1 / (1 + std::exp(-log_odds)));
  out.cheat_rate = std::max(out.cheat_rate, parameters.memory.changed_rate);
}

}  // namespace

Likelihoods likelihoods(const Record& record, const Population& population) {
  return {fit(record, population.honest), fit(record, population.flaky),
          fit(record, population.malicious)};
}

Belief belief(const Record& record,
              const Likelihoods& fits,
              double malicious_share,
              const Parameters& parameters) {
  const Population& population = parameters.population;
  const double best = std::max({fits.honest, fits.flaky, fits.malicious});
  const double honest_share = 1 - malicious_share - population.flaky_share;
  const double honest = honest_share * std::exp(fits.honest - best);
  const double flaky = population.flaky_share * std::exp(fits.flaky - best);
  const double malicious = malicious_share * std::exp(fits.malicious - best);
  const double sum = honest + flaky + malicious;

  Belief out;
  out.bare_malice = malicious / sum;
  out.malice = std::max(out.bare_malice, population.sleeper_share * malicious_share);
  out.bare_cheat_rate = expected(record, population.malicious);
  const double least = population.sleeper_risk * malicious_share / out.malice;
  out.cheat_rate = std::min(1.0, std::max(out.bare_cheat_rate, least));
  out.fault_rate = honest / sum * expected(record, population.honest) +
                   flaky / sum * expected(record, population.flaky);
  believe_change(record, malicious_share, parameters, out);
  return out;
}

}  // namespace worldshare::verifier::policy
