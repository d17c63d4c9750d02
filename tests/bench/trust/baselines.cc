#include "tests/bench/trust/baselines.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <unordered_map>

namespace trust_bench {
namespace {

using worldshare::verifier::policy::Act;

constexpr std::size_t kMaxResults = 6;

struct Group {
  std::uint32_t first = 0;
  std::uint32_t size = 0;
};

/// The largest set of equal results; the earliest of several.
Group largest_group(const Evidence& evidence) {
  Group best;
  const auto& all = evidence.submissions;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    Group group{i, 0};
    for (const auto& other : all) group.size += other.cluster == all[i].cluster;
    if (group.size > best.size) best = group;
  }
  return best;
}

Step accept(std::uint32_t target) {
  return {.act = Act::kAccept, .target = target, .partner = target};
}

Step ask(const Evidence& evidence, std::uint32_t missing) {
  if (evidence.pending >= missing) return {};
  if (evidence.submissions.size() > kMaxResults) return {.act = Act::kTrustedRender};
  return {.act = Act::kAskReplica, .count = missing - evidence.pending};
}

/// `quorum` equal results, sent out together; p0 with 1, p1 with 2.
class FirstEqual : public Rule {
 public:
  explicit FirstEqual(std::uint32_t quorum) : quorum_(quorum) {}

  Step decide(const Evidence& evidence) override {
    if (evidence.trusted_render) return {.act = Act::kAccept, .trusted = true};
    const Group group = largest_group(evidence);
    return group.size >= quorum_ ? accept(group.first) : ask(evidence, quorum_ - group.size);
  }
  Identities accepted(const Evidence&, const Step&) override { return {}; }

 private:
  const std::uint32_t quorum_;
};

/// A host with at least 10 consecutive valid results is trusted with a unit alone, more often the
/// more there are; only replicated results count, and any fault starts again from 0.
class Boinc : public Rule {
 public:
  Step decide(const Evidence& evidence) override {
    if (evidence.trusted_render) return {.act = Act::kAccept, .trusted = true};
    if (evidence.submissions.empty()) return ask(evidence, 1);
    const Group group = largest_group(evidence);
    const bool alone = evidence.submissions.size() == 1 && evidence.pending == 0;
    if (group.size >= 2 || alone) return accept(group.first);
    return ask(evidence, 2 - group.size);
  }
  std::uint32_t more_copies(IdentityId first, double chance) override {
    const auto valid = consecutive_valid_[first];
    return valid >= 10 && chance > 1.0 / valid ? 0 : 1;
  }
  void missed_deadline(IdentityId identity) override { consecutive_valid_[identity] = 0; }
  Identities accepted(const Evidence& evidence, const Step& step) override {
    if (step.trusted || evidence.submissions.size() < 2) return {};
    const auto winner = evidence.submissions[step.target].cluster;
    for (const auto& one : evidence.submissions) {
      auto& valid = consecutive_valid_[one.identity];
      valid = one.cluster == winner ? valid + 1 : 0;
    }
    return {};
  }

 private:
  std::unordered_map<IdentityId, std::uint32_t> consecutive_valid_;
};

class Credibility : public Rule {
 public:
  double canary_rate() const override { return 0.1; }

  Step decide(const Evidence& evidence) override {
    if (evidence.trusted_render) return {.act = Act::kAccept, .trusted = true};
    const auto weights = group_weights(evidence);
    double all = 1;
    for (const auto& [cluster, weight] : weights) all += weight.odds;
    for (const auto& [cluster, weight] : weights) {
      if (weight.odds / all >= kThreshold) return accept(weight.first);
    }
    return ask(evidence, 1);
  }
  Identities accepted(const Evidence&, const Step&) override { return {}; }
  Identities canary(IdentityId identity, bool passed) override {
    Host& host = hosts_[identity];
    if (passed) {
      ++host.checks_passed;
      return {};
    }
    host.blacklisted = true;
    return {identity};
  }
  bool reopens(const Evidence& evidence, const Step& accepted) override {
    return !accepted.trusted && decide(evidence).act != Act::kAccept;
  }

 private:
  static constexpr double kSaboteurs = 0.2;
  static constexpr double kThreshold = 0.999;
  struct Host {
    std::uint32_t checks_passed = 0;
    bool blacklisted = false;
  };
  struct Weight {
    double odds = 1;
    std::uint32_t first = 0;
  };

  /// Odds that a result of this host is right.
  double odds(const Host& host) const {
    double wrong = kSaboteurs;
    if (host.checks_passed > 0) {
      wrong = kSaboteurs / ((1 - kSaboteurs) * host.checks_passed * std::numbers::e);
    }
    return (1 - wrong) / wrong;
  }
  std::map<std::uint32_t, Weight> group_weights(const Evidence& evidence) {
    std::map<std::uint32_t, Weight> out;
    for (std::uint32_t i = 0; i < evidence.submissions.size(); ++i) {
      const auto& one = evidence.submissions[i];
      const Host host = hosts_[one.identity];
      if (host.blacklisted) continue;
      out.try_emplace(one.cluster, Weight{1, i}).first->second.odds *= odds(host);
    }
    return out;
  }

  std::unordered_map<IdentityId, Host> hosts_;
};

}  // namespace

std::unique_ptr<Rule> make_baseline(const std::string& name) {
  if (name == "p0") return std::make_unique<FirstEqual>(1);
  if (name == "p1") return std::make_unique<FirstEqual>(2);
  if (name == "p3") return std::make_unique<Boinc>();
  if (name == "p4a") return std::make_unique<Credibility>();
  return nullptr;
}

}  // namespace trust_bench
