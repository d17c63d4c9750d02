#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "verifier/consensus/cliques.h"

namespace worldshare::verifier {

/// A counted result of a unit. Results of one unit belong to different owners.
struct Opinion {
  std::string lease;
  std::string owner;
  bool rendered = false;  ///< false: the owner reports that it cannot be rendered
  std::string artifact;   ///< sha256, when rendered
  std::string error;      ///< for people, when not rendered
};

/// Two renderings, by their index among the opinions. Pairs that are not listed disagree.
struct Agreement {
  std::size_t a = 0;
  std::size_t b = 0;
  double distance = 0;  ///< how far they are apart, 0 when identical
};

struct Policy {
  unsigned replicas = 2;      ///< how many must agree
  unsigned max_replicas = 5;  ///< how many owners are asked at most
  /// Where the policy has a say, it may accept a single rendering: others looked into it.
  bool one_may_do = false;
};

enum class Ruling : std::uint8_t { kPending, kAccepted, kMoreReplicas, kFailed };

struct Decision {
  Ruling ruling = Ruling::kPending;
  std::size_t accepted = 0;           ///< index of the medoid; only with kAccepted
  std::vector<std::size_t> agreed;    ///< the accepted set, ascending; only with kAccepted
  std::vector<std::size_t> rejected;  ///< renderings outside of it, ascending; only with kAccepted
  unsigned replicas_needed = 0;  ///< further opinions wanted beyond those given; not when final
  std::string reason;            ///< a sentence for people
};

/// What a policy makes of sets of renderings that contradict each other.
struct Weighed {
  std::size_t leader = 0;  ///< the set that is most likely right
  bool enough = false;     ///< and certain enough to be accepted
  std::string why;         ///< for people
};
/// Asked with at least one set, each ascending; a rendering is in one of them.
using Weigh = std::function<Weighed(const std::vector<Clique>& sets)>;

/// What the trust engine makes of the opinions on a unit, which are in the order of their arrival.
/// A set of renderings that agree pairwise and are at least `policy.replicas` is accepted; its
/// medoid, the member with the smallest sum of distances, becomes the artifact. Two such sets that
/// do not contain each other are never chosen between: a further owner is asked. The unit fails
/// when the owners that may still be asked cannot bring the set together. With one replica the
/// first rendering is accepted. Pure.
Decision decide(const std::vector<Opinion>& opinions,
                const std::vector<Agreement>& agreements,
                const Policy& policy);

/// The same where a policy has a say: a set is accepted when it leads, is enough for `weigh`, and
/// reaches `policy.replicas` (or one_may_do). Sets are looked for largest first, each among what
/// the larger ones left over. One further opinion is asked for at a time, so that nobody knows his
/// partner's.
Decision decide(const std::vector<Opinion>& opinions,
                const std::vector<Agreement>& agreements,
                const Policy& policy,
                const Weigh& weigh);

}  // namespace worldshare::verifier
