#pragma once

#include <memory>
#include <string>

#include "tests/bench/trust/rule.h"

namespace trust_bench {

/// What others do, after their papers and code:
///   p0   the first result is accepted
///   p1   the first two equal results of copies that were sent out together
///   p3   BOINC's adaptive replication (BOINC c5c6cb7: sched_send.cpp set_trust(), validator.cpp)
///   p4a  Sarmenta's credibility voting (2001), 10 % spot checks, blacklisting with backtracking,
///        a share of 0.2 saboteurs assumed, accepted at a credibility of 0.999
/// Nothing for any other name. Those that the verifier itself can follow are no baselines here: the
/// founding policy is one of policy.yaml.
std::unique_ptr<Rule> make_baseline(const std::string& name);

}  // namespace trust_bench
