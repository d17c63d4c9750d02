#include <algorithm>

#include "verifier/trust/hearing.h"

// Results of units that have ended: late ones, canaries, and doubts.

namespace worldshare::verifier {
namespace {

/// Of a doubted unit so many more owners may be asked than of a new one.
constexpr unsigned kSecondRound = 2;

}  // namespace

const FiledResult* Hearing::accepted_result() const {
  const auto found = std::ranges::find_if(papers_.results, [&](const FiledResult& result) {
    return result.rendered && result.artifact == papers_.ending->artifact &&
           result.lease != now_->lease.lease;
  });
  return found == papers_.results.end() ? nullptr : &*found;
}

/// A final verdict stands: the result is kept on record, earns nothing and changes nothing.
void Hearing::late(const std::string& judged, const std::string& reason) {
  judge(papers_.results.back(), judged);
  Ruled ruled;
  ruled.reason = reason;
  give_verdict(std::move(ruled));
}

/// The unit is decided anew, and all its results with it.
void Hearing::doubt(const std::string& reason) {
  minutes().doubts.emplace(now_->lease.unit, reason);
  late("pending", "looked at again: " + reason);
}

/// Why the result cannot be held against what was accepted; empty where it can.
std::string Hearing::incomparable_because() const {
  const FiledResult* accepted = accepted_result();
  if (accepted == nullptr) return "the accepted result is not on record";
  return can_compare(*accepted, papers_.results.back())
             ? ""
             : "the frame was accepted before, and cannot be held against this one";
}

void Hearing::compare_late() {
  const auto doubted = minutes().doubts.find(now_->lease.unit);
  if (doubted != minutes().doubts.end()) return doubt(doubted->second);
  if (!papers_.results.back().rendered) return late("failed", "the frame was judged before");
  if (!papers_.ending->accepted) return late("rejected", "the frame had failed before");
  if (const auto why = incomparable_because(); !why.empty()) return late("rejected", why);
  const FiledResult* accepted = accepted_result();
  const Comparison* comparison = compare_pair(*accepted, papers_.results.back());
  if (comparison == nullptr) return;
  if (!accepted->rendered) return doubt("of the accepted picture, " + accepted->error);
  if (!papers_.results.back().rendered) return late("rejected", "its artifact does not decode");
  comparison->agree ? late("agreed", "the frame was accepted before, alike")
                    : late("rejected", "the frame was accepted before, unlike this one");
}

/// The right answer is known: it is the owner who is judged, and paid as for any other work. Where
/// there is nothing to hold its picture against it is neither.
void Hearing::answer_canary() {
  const bool doubted = minutes().doubts.contains(now_->lease.unit);
  if (papers_.results.back().rendered && !doubted) {
    if (const auto why = incomparable_because(); !why.empty()) {
      late("pending", why);
      return end_reissue("unresolved", "canary: " + why);
    }
  }
  compare_late();
  if (stopped_) return;
  const FiledResult& answer = papers_.results.back();
  if (answer.judged == "pending") return;  // it is the accepted picture that is judged again
  RecordChange& record = minutes().records[answer.owner];
  if (answer.judged == "agreed") {
    ++record.agreed;
    minutes().credited.push_back(answer.lease);
    return end_reissue("confirmed", "canary: " + answer.owner + " rendered it alike");
  }
  if (answer.judged == "failed") {
    ++record.failed;
    return end_reissue("unresolved", "canary: " + answer.owner + " could not render it");
  }
  ++record.rejected;
  minutes().trust.push_back({answer.owner, policy::EventKind::kCanaryMissed, 0, 0, now_->lease.unit,
                             answer.lease,
                             "its picture differs from one that was accepted before"});
  end_reissue("missed", "canary: " + answer.owner + " returned another picture");
}

/// An owner on whom the acceptance rested was excluded: the unit is decided anew by those who are
/// left and those who are asked now. What was accepted stays until another picture is.
void Hearing::reexamine() {
  Policy manifest = now_->lease.policy;
  manifest.max_replicas *= kSecondRound;
  const auto outcome = conclude(manifest);
  if (!outcome) return;
  const Decision& decision = outcome->decision;
  if (decision.ruling == Ruling::kAccepted) return conclude_doubt(*outcome);
  Ruled ruled;
  ruled.reason = "looked at again: " + decision.reason;
  ruled.risk = outcome->weighing.risk();
  if (decision.ruling == Ruling::kFailed) {
    end_reissue("unresolved", decision.reason);
  } else {
    ruled.decision = wire::Decision::more_replicas;
    ruled.replicas_needed = decision.replicas_needed;
    minutes().reissues[papers_.reissue->id] = {"open", opinions_given() + decision.replicas_needed,
                                               decision.reason};
  }
  give_verdict(std::move(ruled));
}

void Hearing::conclude_doubt(const Outcome& outcome) {
  const FiledResult& now_right = papers_.results[outcome.decision.accepted];
  const FiledResult* before = accepted_result();
  const bool confirmed = before != nullptr && equal(*before, now_right);
  Ruled ruled;
  ruled.risk = outcome.weighing.risk();
  ruled.reason = "looked at again, " + std::string(confirmed ? "confirmed: " : "overturned: ") +
                 outcome.decision.reason;
  if (!confirmed) {
    ruled.decision = wire::Decision::overturned;
    ruled.artifact = now_right.artifact;
  }
  const std::string reason = ruled.reason;
  give_verdict(std::move(ruled));
  hold_to(now_right, outcome);
  rely_on(outcome.decision);
  end_reissue(confirmed ? "confirmed" : "overturned", reason);
  if (confirmed) return;
  note_output(now_right, minutes().replacements);
  papers_.ending->artifact = now_right.artifact;
  tell_of_frames(wire::EventKind::frame_accepted, now_right.owner, reason);
}

/// Judges all results by what is known to be right now: who earned for a wrong one gives it back,
/// and who was wronged is paid.
void Hearing::hold_to(const FiledResult& right, const Outcome& outcome) {
  const std::string lease = right.lease;
  std::vector<std::string> changed;
  for (FiledResult& result : papers_.results) {
    const std::string before = result.judged;
    const bool agrees = result.rendered && (result.lease == lease || equal(right, result));
    const std::string after = agrees ? "agreed" : result.claims_image ? "rejected" : "failed";
    if (after == before) continue;
    judge(result, after);
    changed.push_back(result.lease);
    if (after == "agreed") minutes().credited.push_back(result.lease);
    if (before == "agreed") minutes().reversed.push_back(result.lease);
    if (after == "rejected") {
      tell(wire::EventKind::replica_rejected, result.owner,
           "another picture was found to be right");
    }
    RecordChange& record = minutes().records[result.owner];
    ++(after == "agreed" ? record.agreed : after == "rejected" ? record.rejected : record.failed);
  }
  settle_audits();
  for (TrustEvent& event : outcome.weighing.settle(now_->lease.unit)) {
    if (std::ranges::find(changed, event.lease) == changed.end()) continue;
    minutes().trust.push_back(std::move(event));
  }
}

/// As they were compared, which all of a unit's renderings are.
bool Hearing::equal(const FiledResult& a, const FiledResult& b) const {
  if (a.artifact == b.artifact) return true;
  const auto found = papers_.comparisons.find(std::minmax(a.lease, b.lease));
  return found != papers_.comparisons.end() && found->second.agree;
}

void Hearing::end_reissue(const std::string& state, const std::string& reason) {
  minutes().reissues[papers_.reissue->id] = {state, opinions_given(), reason};
  papers_.reissue.reset();
}

}  // namespace worldshare::verifier
