#pragma once

#include <optional>
#include <span>
#include <vector>

#include "verifier/policy/evidence.h"
#include "verifier/policy/step.h"

namespace trust_bench {

using worldshare::verifier::policy::Evidence;
using worldshare::verifier::policy::IdentityId;
using worldshare::verifier::policy::Step;

using Identities = std::vector<IdentityId>;

/// What decides in a simulation. Where identities are returned, those were excluded just now.
class Rule {
 public:
  Rule() = default;
  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;
  virtual ~Rule() = default;

  virtual Step decide(const Evidence& evidence) = 0;
  virtual bool split() const { return false; }
  virtual double canary_rate() const { return 0; }
  /// Copies that are asked for beside the first one, once it is known who has that.
  virtual std::uint32_t more_copies(IdentityId /*first*/, double /*chance*/) { return 0; }
  virtual bool may_replicate(IdentityId identity, const Evidence& evidence, bool out_of_patience);
  virtual bool trusted() const { return true; }  ///< there is trusted hardware
  /// Of these, who audits; nobody: trusted hardware, or who is drawn next.
  virtual std::optional<IdentityId> choose_auditor(std::span<const IdentityId> /*candidates*/,
                                                   const Evidence& /*evidence*/) {
    return std::nullopt;
  }

  virtual Identities accepted(const Evidence& evidence, const Step& step) = 0;
  virtual Identities convicted(Evidence& evidence, std::uint32_t target);
  /// After a render on trusted hardware; `right` for each submission.
  virtual Identities compared(Evidence& evidence, const std::vector<bool>& right);
  virtual Identities canary(IdentityId /*identity*/, bool /*passed*/) { return {}; }
  virtual void missed_deadline(IdentityId /*identity*/) {}
  /// Whether an accepted unit is opened again, as an owner in it was excluded.
  virtual bool reopens(const Evidence& /*evidence*/, const Step& /*accepted*/) { return false; }
};

}  // namespace trust_bench
