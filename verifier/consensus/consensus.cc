#include "verifier/consensus/consensus.h"

#include <algorithm>
#include <map>

#include "verifier/consensus/cliques.h"

namespace worldshare::verifier {
namespace {

/// More sets than this are not looked at, and then none is chosen. Honest renderings form one.
constexpr std::size_t kCliqueLimit = 10'000;

/// "3 renderings".
std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

class Deliberation {
 public:
  Deliberation(const std::vector<Opinion>& opinions,
               const std::vector<Agreement>& agreements,
               const Policy& policy)
      : opinions_(opinions), agreements_(agreements), policy_(policy), graph_(opinions.size()) {
    for (std::size_t i = 0; i < opinions.size(); ++i) {
      if (opinions[i].rendered) renderings_.push_back(i);
    }
    for (const auto& pair : agreements) graph_.connect(pair.a, pair.b);
    cliques_ = maximal_cliques(graph_, renderings_, kCliqueLimit);
    if (!cliques_.empty()) largest_ = cliques_.front().size();
  }

  Decision decide() const {
    const std::size_t quorum = policy_.replicas;
    const auto reaches = [&](const Clique& clique) { return clique.size() >= quorum; };
    const auto winners = std::ranges::count_if(cliques_, reaches);
    if (quorum <= 1 && !renderings_.empty()) return accept(set_of_first());
    const bool all_seen = cliques_.size() < kCliqueLimit;
    if (winners == 1 && all_seen) return accept(cliques_.front());
    if (winners > 0) {
      return opinions_.size() < policy_.max_replicas ? more(1, two_sets()) : failed(two_sets());
    }
    const std::size_t missing = quorum - largest_;
    if (opinions_.size() + missing > policy_.max_replicas) return failed(counts());
    if (largest_ == opinions_.size()) return pending(missing);
    return more(missing, counts());
  }

  Decision decide(const Weigh& weigh) const {
    if (renderings_.empty() || policy_.replicas <= 1) return decide();
    const auto sets = partition();
    const Weighed weighed = weigh(sets);
    const Clique& leader = sets[weighed.leader];
    const std::size_t least = policy_.one_may_do ? 1 : policy_.replicas;
    const bool enough = weighed.enough && leader.size() >= least;
    if (enough) {
      Decision out = accept(leader);
      out.reason += "; " + weighed.why;
      return out;
    }
    const std::size_t lacking = leader.size() < least ? least - leader.size() : 1;
    const std::string why = counts() + "; " + weighed.why;
    if (opinions_.size() + lacking > policy_.max_replicas) {
      return ask(Ruling::kFailed, 0,
                 "not certain enough after " + counted(opinions_.size(), "owner") + " of at most " +
                     std::to_string(policy_.max_replicas) + ": " + why);
    }
    return more(1, why);
  }

 private:
  /// Disjoint sets of what agrees pairwise, largest first.
  std::vector<Clique> partition() const {
    std::vector<Clique> out;
    for (auto left = renderings_; !left.empty();) {
      out.push_back(maximal_cliques(graph_, left, kCliqueLimit).front());
      std::erase_if(left,
                    [&](std::size_t one) { return std::ranges::binary_search(out.back(), one); });
    }
    return out;
  }

  Decision accept(const Clique& set) const {
    Decision out;
    out.ruling = Ruling::kAccepted;
    out.agreed = set;
    std::ranges::set_difference(renderings_, set, std::back_inserter(out.rejected));
    out.accepted = medoid(set);
    out.reason = set.size() == 1 ? "accepted without a second rendering to compare with"
                                 : counted(set.size(), "rendering") + " agree";
    if (!out.rejected.empty()) {
      out.reason += ", " + counted(out.rejected.size(), "rendering") + " rejected";
    }
    return out;
  }

  static Decision ask(Ruling ruling, std::size_t count, std::string reason) {
    Decision out;
    out.ruling = ruling;
    out.replicas_needed = static_cast<unsigned>(count);
    out.reason = std::move(reason);
    return out;
  }
  static Decision pending(std::size_t missing) {
    return ask(Ruling::kPending, missing, "waiting for " + counted(missing, "further rendering"));
  }
  static Decision more(std::size_t count, const std::string& why) {
    return ask(Ruling::kMoreReplicas, count, why + "; asking " + counted(count, "further owner"));
  }
  Decision failed(const std::string& why) const {
    return ask(Ruling::kFailed, 0,
               "no " + std::to_string(policy_.replicas) + " agreeing renderings from " +
                   counted(opinions_.size(), "owner") + " of at most " +
                   std::to_string(policy_.max_replicas) + ": " + why);
  }

  /// The first rendering and what agrees with it.
  Clique set_of_first() const {
    const auto holds_first = [&](const Clique& clique) {
      return std::ranges::binary_search(clique, renderings_.front());
    };
    return *std::ranges::find_if(cliques_, holds_first);
  }

  std::size_t medoid(const Clique& set) const {
    std::map<std::size_t, double> sums;
    for (const std::size_t member : set) sums[member] = 0;
    for (const auto& pair : agreements_) {
      if (!sums.contains(pair.a) || !sums.contains(pair.b)) continue;
      sums[pair.a] += pair.distance;
      sums[pair.b] += pair.distance;
    }
    const auto smaller = [](const auto& a, const auto& b) { return a.second < b.second; };
    return std::ranges::min_element(sums, smaller)->first;
  }

  std::string two_sets() const {
    return "different sets of renderings agree among themselves, but not with each other";
  }

  /// "2 rendered and disagree, 1 failed (crash)".
  std::string counts() const {
    std::string out = std::to_string(renderings_.size()) + " rendered";
    if (renderings_.size() > largest_) out += " and disagree";
    const std::size_t failures = opinions_.size() - renderings_.size();
    if (failures == 0) return out;
    return out + ", " + std::to_string(failures) + " failed (" + commonest_error() + ")";
  }

  std::string commonest_error() const {
    std::map<std::string, int> counts;
    const std::string* best = nullptr;
    for (const auto& opinion : opinions_) {
      if (opinion.rendered) continue;
      ++counts[opinion.error];
      if (best == nullptr || counts[opinion.error] > counts[*best]) best = &opinion.error;
    }
    return best == nullptr || best->empty() ? "no reason given" : *best;
  }

  const std::vector<Opinion>& opinions_;
  const std::vector<Agreement>& agreements_;
  const Policy& policy_;
  std::vector<std::size_t> renderings_;
  Graph graph_;
  std::vector<Clique> cliques_;
  std::size_t largest_ = 0;
};

}  // namespace

Decision decide(const std::vector<Opinion>& opinions,
                const std::vector<Agreement>& agreements,
                const Policy& policy) {
  return Deliberation(opinions, agreements, policy).decide();
}

Decision decide(const std::vector<Opinion>& opinions,
                const std::vector<Agreement>& agreements,
                const Policy& policy,
                const Weigh& weigh) {
  return Deliberation(opinions, agreements, policy).decide(weigh);
}

}  // namespace worldshare::verifier
