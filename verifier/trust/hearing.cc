#include "verifier/trust/hearing.h"

#include <algorithm>

namespace worldshare::verifier {
namespace {

wire::Decision to_wire(Ruling ruling) {
  switch (ruling) {
    case Ruling::kPending: return wire::Decision::pending;
    case Ruling::kAccepted: return wire::Decision::accepted;
    case Ruling::kMoreReplicas: return wire::Decision::more_replicas;
    case Ruling::kFailed: return wire::Decision::failed;
  }
  return wire::Decision::pending;
}

FiledResult to_filed(const Submission& submission) {
  FiledResult out;
  const auto& result = submission.result;
  out.lease = submission.lease.lease;
  out.owner = submission.lease.owner;
  out.claims_image = submission.finding.outcome == Finding::Outcome::kRendered;
  out.rendered = out.claims_image;
  if (out.claims_image) out.artifact = result.artifact->sha256;
  out.error = result.error.empty() ? result.error_code : result.error;
  return out;
}

}  // namespace

void Hearing::hear(const Submission& submission) {
  now_ = &submission;
  if (stopped_ || !is_news()) return;
  file();
  const Finding& finding = submission.finding;
  if (finding.outcome == Finding::Outcome::kVoid) return dismiss();
  tell(wire::EventKind::frame_reported, submission.lease.owner,
       finding.outcome == Finding::Outcome::kRendered ? "rendered" : "cannot be rendered");
  if (!papers_.ending) return deliberate();
  if (finding.outcome == Finding::Outcome::kRendered) return compare_late();
  note_late();
}

/// False: this lease, or this owner on this unit, has reported before, or the lease ran out and the
/// unit is done.
bool Hearing::is_news() const {
  if (papers_.ending && now_->lease.state == "expired") return false;
  const bool is_void = now_->finding.outcome == Finding::Outcome::kVoid;
  const bool known = std::ranges::any_of(papers_.results, [&](const FiledResult& filed) {
    return filed.lease == now_->lease.lease || (!is_void && filed.owner == now_->lease.owner);
  });
  const bool known_as_void =
      std::ranges::find(papers_.voids, now_->lease.lease) != papers_.voids.end();
  return !known && !known_as_void;
}

void Hearing::file() {
  minutes_.results.push_back({now_, minutes_.positions++});
  if (now_->finding.outcome == Finding::Outcome::kVoid) {
    papers_.voids.push_back(now_->lease.lease);
  } else {
    papers_.results.push_back(to_filed(*now_));
  }
}

void Hearing::dismiss() {
  Ruled ruled;
  ruled.counts = false;
  ruled.decision = papers_.ending ? wire::Decision::pending : wire::Decision::more_replicas;
  ruled.replicas_needed = papers_.ending ? 0 : 1;
  ruled.reason = "the result is void: " + now_->finding.why_void;
  tell(wire::EventKind::replica_rejected, now_->lease.owner, ruled.reason);
  minutes_.judged[now_->lease.lease] = "void";
  ++minutes_.records[now_->lease.owner].rejected;
  give_verdict(std::move(ruled));
}

/// Each round in which an artifact turns out not to decode makes one opinion fewer a rendering.
void Hearing::deliberate() {
  for (;;) {
    flaws_ = 0;
    const auto agreements = compare_all();
    if (stopped_) return;
    if (flaws_ != 0) continue;
    const Decision decision = decide(opinions(), agreements, now_->lease.policy);
    prove(decision);
    if (stopped_) return;
    if (flaws_ == 0) return pronounce(decision);
  }
}

std::vector<Opinion> Hearing::opinions() const {
  std::vector<Opinion> out;
  for (const auto& result : papers_.results) {
    out.push_back({result.lease, result.owner, result.rendered, result.artifact, result.error});
  }
  return out;
}

/// All pairs of renderings that agree. Every pair is looked at even when an exhibit is lacking, so
/// that all that is lacking is found out at once.
std::vector<Agreement> Hearing::compare_all() {
  std::vector<Agreement> out;
  auto& results = papers_.results;
  for (std::size_t a = 0; a < results.size(); ++a) {
    for (std::size_t b = a + 1; b < results.size(); ++b) {
      if (!results[a].rendered || !results[b].rendered) continue;
      const Comparison* comparison = compare_pair(results[a], results[b]);
      if (comparison != nullptr && comparison->agree) out.push_back({a, b, comparison->distance()});
    }
  }
  return out;
}

/// What is on record, or is compared and recorded now; null when the hearing has to stop.
const Comparison* Hearing::compare_pair(const FiledResult& a, const FiledResult& b) {
  const auto leases = std::minmax(a.lease, b.lease);
  const auto known = papers_.comparisons.find(leases);
  if (known != papers_.comparisons.end()) return &known->second;
  const LeaseRecord& lease = now_->lease;
  const Exhibit* exhibit = exhibits_.compared(lease.unit, lease.image, a.artifact, b.artifact);
  if (exhibit == nullptr) {
    stopped_ = true;
    return nullptr;
  }
  minutes_.comparisons.push_back({lease.unit, leases.first, leases.second, exhibit->comparison});
  for (const auto& [result, flaw] : {std::pair(&a, &exhibit->flaw_a), {&b, &exhibit->flaw_b}}) {
    if (flaw->empty()) continue;
    note_flaw(*std::ranges::find(papers_.results, result->lease, &FiledResult::lease), *flaw);
  }
  return &papers_.comparisons.emplace(leases, exhibit->comparison).first->second;
}

/// Nothing is accepted before it is known to decode.
void Hearing::prove(const Decision& decision) {
  if (decision.ruling != Ruling::kAccepted) return;
  prove(papers_.results[decision.accepted]);
  if (flaws_ == 0) return;
  for (const std::size_t index : decision.agreed) {  // alike, so these may be no better
    if (index != decision.accepted) prove(papers_.results[index]);
  }
}

void Hearing::prove(FiledResult& result) {
  const auto* flaw = exhibits_.proven(now_->lease.unit, now_->lease.image, result.artifact);
  if (flaw == nullptr) {
    stopped_ = true;
  } else if (*flaw) {
    note_flaw(result, **flaw);
  }
}

void Hearing::note_flaw(FiledResult& result, const std::string& why) {
  ++flaws_;
  result.rendered = false;
  result.error = "its artifact does not decode: " + why;
  minutes_.flaws[result.lease] = result.error;
  tell(wire::EventKind::replica_rejected, result.owner, result.error);
}

void Hearing::pronounce(const Decision& decision) {
  Ruled ruled;
  ruled.decision = to_wire(decision.ruling);
  ruled.replicas_needed = decision.replicas_needed;
  ruled.reason = decision.reason;
  if (decision.ruling == Ruling::kAccepted) {
    ruled.artifact = papers_.results[decision.accepted].artifact;
  }
  give_verdict(std::move(ruled));
  if (decision.ruling == Ruling::kAccepted) accept(decision);
  if (decision.ruling == Ruling::kFailed) {
    // Nobody earns and nobody is blamed: it is not known who was right.
    judge_all({});
    tell(wire::EventKind::frame_failed, "", decision.reason);
    papers_.ending = Ending{};
  }
}

void Hearing::accept(const Decision& decision) {
  const FiledResult& accepted = papers_.results[decision.accepted];
  for (const std::size_t index : decision.rejected) {
    tell(wire::EventKind::replica_rejected, papers_.results[index].owner,
         "its rendering differs from the accepted one");
  }
  // A part makes no frame yet; the dispatcher tells when it is put together.
  if (!messages::is_part_of_frame(now_->lease.shard)) {
    tell(wire::EventKind::frame_accepted, accepted.owner, decision.reason);
  }
  judge_all(decision.agreed);
  minutes_.outputs.push_back(accepted.lease);
  for (const auto& result : papers_.results) {
    RecordChange& record = minutes_.records[result.owner];
    const std::string& judged = minutes_.judged[result.lease];
    if (judged == "agreed") {
      ++record.agreed;
      minutes_.credited.push_back(result.lease);
    } else {
      ++(judged == "rejected" ? record.rejected : record.failed);
    }
  }
  papers_.ending = Ending{true, accepted.lease, accepted.artifact};
}

void Hearing::judge_all(const std::vector<std::size_t>& agreed) {
  for (std::size_t index = 0; index < papers_.results.size(); ++index) {
    const FiledResult& result = papers_.results[index];
    minutes_.judged[result.lease] = std::ranges::find(agreed, index) != agreed.end() ? "agreed"
                                    : result.claims_image                            ? "rejected"
                                                                                     : "failed";
  }
}

void Hearing::note_late() { late("failed", "the frame was judged before"); }

void Hearing::compare_late() {
  if (!papers_.ending->accepted) return late("rejected", "the frame had failed before");
  const auto accepted =
      std::ranges::find(papers_.results, papers_.ending->lease, &FiledResult::lease);
  if (accepted == papers_.results.end()) {
    return late("rejected", "the accepted result is not on record");
  }
  flaws_ = 0;
  const Comparison* comparison = compare_pair(*accepted, papers_.results.back());
  if (comparison == nullptr) return;
  if (flaws_ != 0) return late("rejected", "its artifact does not decode");
  comparison->agree ? late("agreed", "the frame was accepted before, alike")
                    : late("rejected", "the frame was accepted before, unlike this one");
}

/// A final verdict stands: the result is kept on record, earns nothing and changes nothing.
void Hearing::late(const std::string& judged, const std::string& reason) {
  minutes_.judged[now_->lease.lease] = judged;
  Ruled ruled;
  ruled.reason = reason;
  give_verdict(std::move(ruled));
}

void Hearing::give_verdict(Ruled ruled) {
  wire::VerdictT verdict;
  verdict.job = now_->lease.job;
  verdict.unit = static_cast<std::uint64_t>(now_->lease.unit);
  verdict.frame = now_->lease.frame;
  verdict.lease = now_->lease.lease;
  verdict.counts = ruled.counts;
  verdict.decision = ruled.decision;
  verdict.opinions = static_cast<std::uint8_t>(papers_.results.size());
  verdict.replicas_needed = static_cast<std::uint8_t>(ruled.replicas_needed);
  verdict.artifact = std::move(ruled.artifact);
  verdict.reason = std::move(ruled.reason);
  minutes_.verdicts.push_back({std::move(verdict), minutes_.positions++});
}

void Hearing::tell(wire::EventKind kind, const std::string& owner, const std::string& message) {
  wire::EventT event;
  event.job = now_->lease.job;
  event.kind = kind;
  event.time_ms = now_ms_;
  event.frame = now_->lease.frame;
  event.owner = owner;
  event.message = message;
  minutes_.events.push_back(std::move(event));
}

}  // namespace worldshare::verifier
