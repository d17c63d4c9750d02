#pragma once

#include <span>

#include "verifier/policy/belief.h"
#include "verifier/policy/evidence.h"
#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// Audits that found nothing, and those that did where no trusted hardware settles them.
struct Passes {
  unsigned volunteers = 0;
  unsigned trusted = 0;
  unsigned failures = 0;
};

Passes passes(const Submission& submission);

/// Probability that a wrong picture passed these audits: blind + (1 - blind) m^volunteers
/// (1 - power)^trusted, where m = covering + (1 - covering)(1 - power) for a cheat that an
/// accomplice may audit, and 1 - power for an honest fault. 1 without audits; never below the blind
/// share. A failure that nobody settles is worth as much as it is likelier of a wrong picture than
/// of a right one, which only an auditor who lies fails: (1 - m) / Audits::covering each, so that
/// the figure may exceed 1.
double escape(const Passes& passes, double covering, const Audits& audits);

/// A result and what is believed of who rendered it.
struct Witness {
  Belief belief;
  Passes passes;
};

/// Probability that all results of a set that show the same picture are wrong: the members collude
/// (product of their malice, times the least cheat rate) or are faulty alike (product of their
/// fault rates, times `coincidence` for each beyond the first), and the wrong picture passed all
/// audits.
double risk_of_copies(std::span<const Witness> witnesses, const Parameters& parameters);

/// Probability that at least one of two halves of the samples of a unit, which pass for equal, is
/// wrong: both collude, or one is wrong and neither comparison nor audit saw it.
double risk_of_halves(const Witness& a, const Witness& b, const Parameters& parameters);

/// Probability that a set of results is wrong when `others` are sets that contradict it, given what
/// each is worth alone: Sarmenta's group credibility (2002), 1 - W / (1 + sum of all W), W = (1 -
/// r) / r.
double contested_risk(double risk, std::span<const double> others);

}  // namespace worldshare::verifier::policy
