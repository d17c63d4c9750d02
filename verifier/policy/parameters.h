#pragma once

#include <cstdint>

namespace worldshare::verifier::policy {

/// How a unit is decided.
enum class Mode : std::uint8_t {
  kQuorum,    ///< so many equal results are right; beliefs are not asked
  kEvidence,  ///< the posterior probability that the accepted picture is wrong is under a limit
  kSplit,     ///< as kEvidence; a result has half of the samples, and two owners' halves are merged
};

/// Beta distribution of the rate of bad results in a part of the population.
struct Rate {
  double bad = 1;   ///< prior bad results, above 0
  double good = 1;  ///< prior good results, above 0
};

/// Who the volunteers are believed to be before anything is known of one.
struct Population {
  Rate honest;
  Rate flaky;
  Rate malicious;
  double flaky_share = 0;
  double malicious_share = 0;         ///< before the network has learned its own
  double malicious_share_weight = 0;  ///< how many identities that first guess is worth
  double malicious_share_min = 0;
  double malicious_share_max = 0;
  double vetted_results = 0;  ///< good results after which an identity counts as vetted
  double sleeper_share = 0;   ///< of malicious_share: belief in malice never falls below it
  double sleeper_risk = 0;    ///< of malicious_share: nor belief in a bad result out of malice
};

/// How evidence ages, and what a sudden change looks like.
struct Memory {
  double keep = 1;         ///< of older evidence at each further result
  double normal_rate = 0;  ///< of bad results before the change that CUSUM looks for
  double changed_rate = 0;
  double alarm = 0;  ///< CUSUM above which the change is believed, in nats
};

/// When an identity is excluded. `bad` is its discounted sum of bad weights.
struct Exclusion {
  double sure_bad = 0;        ///< bad above it, and one of the two following: banned
  double sure_malice = 1;     ///< posterior of malice above it
  double sure_risk = 1;       ///< probability that its next result is bad above it
  double change_bad = 0;      ///< bad above it and CUSUM at least change_cusum: banned
  double change_cusum = 0;    ///< in nats
  double quarantine_bad = 0;  ///< bad above it and quarantine_risk exceeded: quarantined
  double quarantine_risk = 1;
};

struct Audits {
  double minimum = 0;  ///< of each accepted result; a fraction is the share that gets one more
  std::uint32_t maximum = 0;        ///< of a result; 0: nothing is audited
  double cost = 0.025;              ///< of one, in renders, where the job's own is not known
  double power = 0.9;               ///< believed chance to see a fault that is not blind
  double blind = 0.01;              ///< believed share of faults that no audit sees
  double covering = 0.1;            ///< believed chance that an auditor covers for a cheater
  double auditor_malice = 0;        ///< an owner may audit whose posterior of malice is below
  std::uint32_t confirmations = 2;  ///< failures on trusted hardware that prove a result wrong
  std::uint32_t dismissals = 3;     ///< passes there that dismiss a volunteer's failed audit
};

struct Replicas {
  std::uint32_t quorum = 2;   ///< equal results that kQuorum asks for
  std::uint32_t maximum = 6;  ///< results after which the unit is rendered on trusted hardware
  double partner_malice = 0;  ///< who may always be a partner: posterior of malice below
  double coincidence = 0;     ///< chance that two honest faults pass for equal
  double unseen = 0;          ///< kSplit: share of cheats that comparing halves does not show
  double cost = 1;            ///< of one, in renders
  double outvoted = 1;  ///< weight of being outvoted as a bad result; the rest may be honest noise
};

struct Canaries {
  double rate = 0;           ///< share of all leases
  std::uint32_t misses = 1;  ///< that exclude an owner
};

struct Risk {
  double limit = 0;   ///< accepted when the posterior that the picture is wrong is at most this
  double reopen = 0;  ///< times the limit: an exposed owner's accepted unit is examined again
};

/// Every number of a policy. Written in policy.yaml; see policy_file.h.
struct Parameters {
  Mode mode = Mode::kEvidence;
  Population population;
  Memory memory;
  Exclusion exclusion;
  Audits audits;
  Replicas replicas;
  Canaries canaries;
  Risk risk;
  bool trusted = true;  ///< there is trusted hardware; not a number of the file, see for_job()
};

}  // namespace worldshare::verifier::policy
