#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "verifier/consensus/consensus.h"
#include "verifier/policy/evidence.h"
#include "verifier/policy/step.h"
#include "verifier/trust/beliefs.h"
#include "verifier/trust/papers.h"

namespace worldshare::verifier {

/// A unit as the policy sees it: its evidence, and what the policy made of it. Used for one
/// decision; the referenced objects must outlive it.
class Weighing {
 public:
  Weighing(const policy::Parameters& parameters,
           Beliefs& beliefs,
           const std::vector<FiledResult>& results)
      : parameters_(parameters), beliefs_(beliefs), results_(results) {}

  /// Audits of the results. `chance` is the unit's secret, see policy::Evidence.
  void add(const std::vector<FiledAudit>& audits, double chance);

  /// Asks the policy; `sets` hold indices of results.
  Weighed weigh(const std::vector<Clique>& sets);
  /// In the place of the policy: of each result, whether it shows what trusted hardware rendered.
  void hold_to_trusted(const std::vector<bool>& alike);
  /// What the acceptance of the set that led means for owners: an event for each result that the
  /// policy has something to say about. Empty when the policy was not asked.
  std::vector<TrustEvent> settle(std::int64_t unit) const;
  bool asked() const { return !evidence_.submissions.empty(); }
  /// That the leading picture is wrong; nothing when the policy was not asked, or leaves that to
  /// trusted hardware.
  std::optional<double> risk() const;
  /// How many further audits of the result target() would do if they find nothing; 0: something
  /// else is to be done.
  unsigned audits() const { return audits_; }
  std::size_t target() const { return places_.at(step_.target); }
  /// The other half, where halves are weighed.
  std::size_t partner() const { return places_.at(step_.partner); }
  /// What the policy wants done next; kWait when it was not asked.
  policy::Act act() const { return step_.act; }
  /// Results that audits on trusted hardware prove wrong, or that show the same as such a one.
  std::vector<std::size_t> convicted() const;
  const std::string& why() const { return why_; }

 private:
  struct Tally {
    std::uint16_t passes = 0;
    std::uint16_t failures = 0;
    std::uint16_t trusted_passes = 0;
    std::uint16_t trusted_failures = 0;
  };
  std::string reason_of_step() const;
  std::string reason_of(const policy::Event& event, const policy::Submission& submission) const;
  unsigned further_audits() const;

  const policy::Parameters parameters_;
  Beliefs& beliefs_;
  const std::vector<FiledResult>& results_;
  policy::Evidence evidence_;
  policy::Step step_;
  std::vector<policy::Event> proofs_;     ///< what a render on trusted hardware means for owners
  std::vector<std::size_t> places_;       ///< of the submissions, among the results
  std::map<std::string, Tally> tallies_;  ///< of audits, by the lease of their target
  double chance_ = 0;
  unsigned audits_ = 0;
  std::string why_;
};

}  // namespace worldshare::verifier
