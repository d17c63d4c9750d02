#include <algorithm>

#include "verifier/trust/hearing.h"

// Trusted hardware: it proves or dismisses what audits found, and renders what stays in dispute.

namespace worldshare::verifier {

/// The unit, rendered to hold the volunteers' results against.
void Hearing::hear_trusted_picture(FiledAudit& audit) {
  audit.state = AuditState::kPassed;
  audit.finding = "it was rendered again";
  minutes().audit_answers[audit.order.id] = {audit.state, audit.lease, audit.finding, {}};
  if (papers_.ending) return say_of_audit("the frame was judged before");
  papers_.results.push_back(filed());
  tell(wire::EventKind::frame_reported, audit.owner, "rendered by trusted hardware");
  deliberate();
}

/// Its place among the results.
std::optional<std::size_t> Hearing::trusted_picture() const {
  const auto found = std::ranges::find_if(
      papers_.results, [](const FiledResult& result) { return result.trusted && result.rendered; });
  if (found == papers_.results.end()) return std::nullopt;
  return static_cast<std::size_t>(found - papers_.results.begin());
}

/// It is right, and so is what agrees with it.
void Hearing::decide_by_trusted(std::size_t right,
                                const std::vector<Agreement>& agreements,
                                Outcome& out) const {
  std::vector<bool> alike(papers_.results.size());
  alike[right] = true;
  for (const Agreement& pair : agreements) {
    if (pair.a == right) alike[pair.b] = true;
    if (pair.b == right) alike[pair.a] = true;
  }
  Decision& decision = out.decision;
  for (std::size_t place = 0; place < alike.size(); ++place) {
    const FiledResult& result = papers_.results[place];
    if (alike[place] && court_.beliefs.excluded(result.owner)) alike[place] = false;
    if (alike[place]) {
      decision.agreed.push_back(place);
    } else if (result.rendered) {
      decision.rejected.push_back(place);
    }
  }
  decision.ruling = Ruling::kAccepted;
  decision.accepted = right;
  decision.reason = "rendered by trusted hardware; " + std::to_string(decision.agreed.size() - 1) +
                    " other(s) agree, " + std::to_string(decision.rejected.size()) + " rejected";
  out.weighing.hold_to_trusted(alike);
}

/// What the policy wants looked at; and where it may ask no further owner, trusted hardware tells
/// who is right.
Hearing::Looks Hearing::looks_wanted(const Outcome& outcome, bool trusted) const {
  const Weighing& weighing = outcome.weighing;
  if (outcome.decision.ruling == Ruling::kAccepted) return {};
  switch (weighing.act()) {
    case policy::Act::kAudit: return {weighing.audits(), weighing.target(), false, false};
    case policy::Act::kTrustedAudit: return {1, weighing.target(), true, false};
    case policy::Act::kTrustedRender: return {1, weighing.target(), true, true};
    default: break;
  }
  const bool disputed = outcome.decision.ruling == Ruling::kFailed && weighing.asked();
  return disputed && trusted ? Looks{1, weighing.target(), true, true} : Looks{};
}

/// Whose picture trusted hardware proved wrong, or who returned the same one. Once: they stay
/// judged.
void Hearing::convict(const Weighing& weighing) {
  for (const std::size_t place : weighing.convicted()) {
    FiledResult& result = papers_.results[place];
    if (result.judged != "pending") continue;
    judge(result, "rejected");
    const std::string why = "audits on trusted hardware prove it wrong";
    tell(wire::EventKind::replica_rejected, result.owner, why);
    minutes().trust.push_back(
        {result.owner, policy::EventKind::kChecked, 0, 1, now_->lease.unit, result.lease, why});
  }
}

}  // namespace worldshare::verifier
