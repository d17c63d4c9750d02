#include "verifier/policy/risk.h"

#include <algorithm>
#include <cmath>

namespace worldshare::verifier::policy {
namespace {

constexpr double kRarest = 1e-3;  ///< chance of a false alarm, where no auditor is taken to lie

/// What a half risks by itself: a wrong one that the comparison let through.
double risk_of_half(const Witness& half, const Parameters& parameters) {
  const Replicas& replicas = parameters.replicas;
  const double cheat = half.belief.malice * half.belief.cheat_rate *
                       (replicas.unseen + (1 - replicas.unseen) * replicas.coincidence);
  const double fault = half.belief.fault_rate * replicas.coincidence;
  return cheat * escape(half.passes, parameters.audits.covering, parameters.audits) +
         fault * escape(half.passes, 0, parameters.audits);
}

}  // namespace

Passes passes(const Submission& submission) {
  return {submission.passes, submission.trusted_passes};
}

double escape(const Passes& passes, double covering, const Audits& audits) {
  if (passes.volunteers + passes.trusted + passes.failures == 0) return 1;
  const double miss = 1 - audits.power;
  const double volunteer = covering + (1 - covering) * miss;
  return audits.blind +
         (1 - audits.blind) * std::pow(volunteer, passes.volunteers) *
             std::pow(miss, passes.trusted) *
             std::pow((1 - volunteer) / std::max(audits.covering, kRarest), passes.failures);
}

double risk_of_copies(std::span<const Witness> witnesses, const Parameters& parameters) {
  double malice = 1;
  double cheat_rate = 1;
  double fault = 1;
  double coincidence = 1;
  Passes all;
  for (const Witness& witness : witnesses) {
    malice *= witness.belief.malice;
    cheat_rate = std::min(cheat_rate, witness.belief.cheat_rate);
    fault *= witness.belief.fault_rate * coincidence;
    coincidence = parameters.replicas.coincidence;
    all.volunteers += witness.passes.volunteers;
    all.trusted += witness.passes.trusted;
    all.failures += witness.passes.failures;
  }
  const double odds =
      malice * cheat_rate * escape(all, parameters.audits.covering, parameters.audits) +
      fault * escape(all, 0, parameters.audits);
  return all.failures == 0 ? odds : odds / (1 + odds);
}

double risk_of_halves(const Witness& a, const Witness& b, const Parameters& parameters) {
  const Passes all{a.passes.volunteers + b.passes.volunteers, a.passes.trusted + b.passes.trusted};
  const double both = a.belief.malice * b.belief.malice *
                      std::min(a.belief.cheat_rate, b.belief.cheat_rate) *
                      escape(all, parameters.audits.covering, parameters.audits);
  return std::min(1.0, both + risk_of_half(a, parameters) + risk_of_half(b, parameters));
}

double contested_risk(double risk, std::span<const double> others) {
  if (others.empty()) return risk;
  const auto odds = [](double r) { return (1 - r) / std::max(r, 1e-12); };
  double all = 1 + odds(risk);
  for (const double other : others) all += odds(other);
  return 1 - odds(risk) / all;
}

}  // namespace worldshare::verifier::policy
