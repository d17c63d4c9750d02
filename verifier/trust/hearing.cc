#include "verifier/trust/hearing.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/messages/news.h"

// Units that are open. Those that have ended: reexamination.cc.

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

}  // namespace

void Hearing::hear(const Submission& submission) {
  now_ = &submission;
  if (stopped_ || !is_news()) return;
  const Finding& finding = submission.finding;
  const std::string why_void = void_because();
  file(why_void.empty() ? finding.outcome : Finding::Outcome::kVoid);
  if (!why_void.empty() && !is_trusted()) return dismiss(why_void);
  FiledAudit* audit = now_->lease.audit ? file_answer() : nullptr;
  const bool whole = audit != nullptr && audit->order.whole();
  if (whole && !audit->artifact.empty()) return hear_trusted_picture(*audit);
  if (submission.lease.audit) return hear_audit(audit);
  measure();
  tell(wire::EventKind::frame_reported, submission.lease.owner,
       finding.outcome == Finding::Outcome::kRendered ? "rendered" : "cannot be rendered");
  if (!papers_.ending) return deliberate();
  if (papers_.reissue && papers_.ending->accepted) {
    return papers_.reissue->kind == ReissueKind::kCanary ? answer_canary() : reexamine();
  }
  compare_late();
}

/// Why the result is none; empty when it is one.
std::string Hearing::void_because() const {
  if (now_->finding.outcome == Finding::Outcome::kVoid) return now_->finding.why_void;
  const std::string& owner = now_->lease.owner;
  if (!court_.beliefs.excluded(owner)) return {};
  return "its owner is excluded: " + court_.beliefs.reason(owner);
}

/// Whether it answers what was asked of trusted hardware.
bool Hearing::is_trusted() const { return now_->lease.audit && now_->lease.audit->trusted; }

/// False: this lease, or this volunteer on this unit, has reported before, or the lease ran out and
/// the unit is done.
bool Hearing::is_news() const {
  if (papers_.ending && !papers_.reissue && now_->lease.state == "expired") return false;
  const bool is_void = now_->finding.outcome == Finding::Outcome::kVoid;
  const auto knows = [&](const auto& filed, auto lease) {
    return std::ranges::find(filed, now_->lease.lease, lease) != filed.end();
  };
  const bool known = knows(papers_.results, &FiledResult::lease) ||
                     knows(papers_.audits, &FiledAudit::lease) ||
                     knows(papers_.voids, std::identity{});
  return !known && (is_void || is_trusted() || !has_opinion(now_->lease.owner));
}

/// What an auditor could not tell is none.
bool Hearing::has_opinion(const std::string& owner) const {
  const bool rendered =
      std::ranges::find(papers_.results, owner, &FiledResult::owner) != papers_.results.end();
  return rendered || std::ranges::any_of(papers_.audits, [&](const FiledAudit& audit) {
           return audit.owner == owner && audit.state != AuditState::kUnable;
         });
}

void Hearing::file(Finding::Outcome outcome) {
  minutes().results.push_back({now_, minutes().positions++, outcome});
  if (outcome == Finding::Outcome::kVoid) {
    papers_.voids.push_back(now_->lease.lease);
  } else if (!now_->lease.audit) {
    papers_.results.push_back(filed());
  }
}

FiledResult Hearing::filed() const {
  FiledResult out;
  const auto& result = now_->result;
  out.lease = now_->lease.lease;
  out.owner = now_->lease.owner;
  out.claims_image = now_->finding.outcome == Finding::Outcome::kRendered;
  out.rendered = out.claims_image;
  if (out.claims_image) out.artifact = result.artifact->sha256;
  out.renderer = result.renderer;
  out.instead_of_audits = now_->lease.instead_of_audits;
  out.half = now_->lease.half;
  out.trusted = now_->lease.audit.has_value();
  out.error = result.error.empty() ? result.error_code : result.error;
  return out;
}

/// That a whole picture is not held against.
unsigned Hearing::halves_given() const {
  return static_cast<unsigned>(std::ranges::count_if(
      papers_.results, [](const FiledResult& result) { return result.half.has_value(); }));
}

std::size_t Hearing::opinions_given() const {
  return static_cast<std::size_t>(
      std::ranges::count(papers_.results, false, &FiledResult::trusted));
}

void Hearing::dismiss(const std::string& why) {
  Ruled ruled;
  ruled.counts = false;
  // An audit that is not answered stays ordered.
  const bool replaced = !papers_.ending && !now_->lease.audit;
  ruled.decision = replaced ? wire::Decision::more_replicas : wire::Decision::pending;
  ruled.replicas_needed = replaced ? 1 : 0;
  ruled.reason = "the result is void: " + why;
  tell(wire::EventKind::replica_rejected, now_->lease.owner, ruled.reason);
  minutes().judged[now_->lease.lease] = "void";
  ++minutes().records[now_->lease.owner].rejected;
  give_verdict(std::move(ruled));
}

void Hearing::deliberate() {
  if (const auto outcome = conclude(now_->lease.policy)) pronounce(*outcome);
}

/// Nothing when the hearing has to stop. Each round in which an artifact turns out not to decode
/// makes one opinion fewer a rendering.
std::optional<Hearing::Outcome> Hearing::conclude(const Policy& manifest) {
  for (;;) {
    flaws_ = 0;
    const auto agreements = compare_all();
    if (stopped_) return std::nullopt;
    if (flaws_ != 0) continue;
    Outcome outcome = decide_now(agreements, manifest);
    prove(outcome.decision);
    if (stopped_) return std::nullopt;
    if (flaws_ == 0) return outcome;
  }
}

Hearing::Outcome Hearing::decide_now(const std::vector<Agreement>& agreements,
                                     const Policy& manifest) {
  const Checks how = checks();
  Outcome out{{},
              Weighing(how.parameters, court_.beliefs, papers_.results),
              how.cost,
              how.parameters.canaries.rate};
  if (const auto right = trusted_picture()) {
    decide_by_trusted(*right, agreements, out);
  } else if (how.parameters.mode == policy::Mode::kQuorum) {
    out.decision = decide(opinions(), agreements, manifest);
  } else {
    decide_by_policy(how, agreements, manifest, out);
  }
  return out;
}

/// By what the policy makes of the renderings and of what was found in them.
void Hearing::decide_by_policy(const Checks& how,
                               const std::vector<Agreement>& agreements,
                               const Policy& manifest,
                               Outcome& out) {
  const bool halves = how.by == Checks::By::kHalves;
  const bool looks = how.by == Checks::By::kAudits || halves;
  out.weighing.add(papers_.audits, looks ? static_cast<double>(first_seed()) / 0x1p63 : 0);
  Policy asked = manifest;
  asked.one_may_do = how.by == Checks::By::kAudits;
  if (!halves) asked.max_replicas += halves_given();
  out.decision = decide(opinions(), agreements, asked,
                        [&](const auto& sets) { return out.weighing.weigh(sets); });
  Decision& decision = out.decision;
  const bool accepted = decision.ruling == Ruling::kAccepted;
  if (accepted && looks && manifest.replicas > 1) {
    const auto rejected = decision.rejected.size();
    decision.reason = audit_sentence(decision.agreed) + "; " + out.weighing.why() +
                      (rejected == 0 ? "" : "; " + std::to_string(rejected) + " other(s) rejected");
  }
  if (accepted && halves) {
    decision.accepted = out.weighing.target();
    out.halves = {out.weighing.target(), out.weighing.partner()};
  }
  out.looks = looks_wanted(out, how.parameters.trusted);
  if (out.looks.count > 0) decision = {};
  const bool open = decision.ruling == Ruling::kPending || decision.ruling == Ruling::kMoreReplicas;
  if (open && !out.looks.trusted && !halves && nobody_is_left())
    decide_by_equal_results(agreements, manifest, out);
}

/// What the policy is not certain of, where it can ask no more: the set that leads is accepted when
/// it is large enough and no other is.
void Hearing::decide_by_equal_results(const std::vector<Agreement>& agreements,
                                      const Policy& manifest,
                                      Outcome& out) {
  Decision decision = decide(opinions(), agreements, manifest);
  if (decision.ruling != Ruling::kAccepted || !out.weighing.asked()) return;
  if (!std::ranges::binary_search(decision.agreed, out.weighing.target())) return;
  if (std::ranges::binary_search(out.weighing.convicted(), decision.accepted)) return;
  decision.reason += "; " + out.weighing.why();
  out.decision = std::move(decision);
  out.looks = {};
  out.canary_rate = court_.rules.few.canaries.rate;
  policy_ = fmt::format("{}, by equal results: all {} owners who are connected have been asked",
                        court_.rules.text, court_.few_owners->size());
}

/// Everybody who is connected has an opinion of the unit.
bool Hearing::nobody_is_left() const {
  return court_.few_owners && std::ranges::all_of(*court_.few_owners, [&](const auto& owner) {
           return has_opinion(owner);
         });
}

/// Who is excluded has none.
std::vector<Opinion> Hearing::opinions() const {
  std::vector<Opinion> out;
  const bool halves = by_halves();
  for (const auto& result : papers_.results) {
    const bool excluded = court_.beliefs.excluded(result.owner);
    const bool fits = result.half.has_value() == halves;
    out.push_back({result.lease, result.owner, result.rendered && fits && !excluded,
                   result.artifact,
                   excluded ? "its owner is excluded"
                   : !fits  ? "it is not what is compared by now"
                            : result.error});
  }
  return out;
}

/// What the dispatcher hears: it acts on numbers that it was not told yet.
wire::Decision Hearing::spoken(const Decision& decision) const {
  const bool open = decision.ruling == Ruling::kPending || decision.ruling == Ruling::kMoreReplicas;
  const std::size_t wanted = opinions_given() + decision.replicas_needed;
  if (open && wanted > papers_.replicas_wanted) return wire::Decision::more_replicas;
  const bool asked = open && court_.rules.parameters.mode != policy::Mode::kQuorum;
  if (asked) return wire::Decision::pending;
  return to_wire(decision.ruling);
}

void Hearing::pronounce(const Outcome& outcome) {
  const Decision& decision = outcome.decision;
  convict(outcome.weighing);
  Ruled ruled;
  ruled.decision = spoken(decision);
  ruled.replicas_needed = decision.replicas_needed;
  ruled.reason = decision.reason;
  if (outcome.looks.count > 0) {
    order(outcome.looks, outcome.audit_cost);
    ruled.reason = audit_sentence({outcome.looks.target}) + "; " + outcome.weighing.why();
  } else {
    drop_audits(decision.ruling == Ruling::kAccepted ? "the frame was accepted without it"
                                                     : "other evidence is asked for");
  }
  ruled.risk = outcome.weighing.risk();
  if (decision.ruling == Ruling::kAccepted) {
    ruled.artifact = papers_.results[decision.accepted].artifact;
  }
  give_verdict(std::move(ruled));
  if (decision.ruling == Ruling::kAccepted) accept(outcome);
  if (decision.ruling == Ruling::kFailed) {
    // Nobody earns and nobody is blamed: it is not known who was right.
    papers_.ending = Ending{};
    judge_all({});
    settle_audits();
    // Several are asked for again, each alone.
    if (now_->lease.shard.frame_count == 1)
      tell(wire::EventKind::frame_failed, "", decision.reason);
  }
}

void Hearing::accept(const Outcome& outcome) {
  const Decision& decision = outcome.decision;
  const FiledResult& accepted = papers_.results[decision.accepted];
  for (const std::size_t index : decision.rejected) {
    tell(wire::EventKind::replica_rejected, papers_.results[index].owner,
         "its rendering differs from the accepted one");
  }
  // A part makes no frame yet; the dispatcher tells when it is put together.
  if (!messages::is_part_of_frame(now_->lease.shard)) {
    tell_of_frames(wire::EventKind::frame_accepted, accepted.owner, decision.reason);
  }
  papers_.ending = Ending{true, accepted.artifact};
  judge_all(decision.agreed);
  settle_audits();
  rely_on(decision);
  if (outcome.halves) {
    for (const std::size_t half : {outcome.halves->first, outcome.halves->second})
      minutes().merged.push_back(papers_.results[half].lease);
  } else {
    note_output(accepted, minutes().outputs);
    if (halves_given() > 0) minutes().made_whole.push_back(accepted.lease);
  }
  for (const auto& result : papers_.results) {
    RecordChange& record = minutes().records[result.owner];
    if (result.judged == "agreed") {
      ++record.agreed;
      minutes().credited.push_back(result.lease);
    } else {
      ++(result.judged == "rejected" ? record.rejected : record.failed);
    }
  }
  std::ranges::move(outcome.weighing.settle(now_->lease.unit), std::back_inserter(minutes().trust));
  wish_for_canary(outcome);
}

/// Whoever of them is excluded by the time of writing would not have been counted.
void Hearing::rely_on(const Decision& decision) {
  for (const std::size_t index : decision.agreed) {
    const FiledResult& result = papers_.results[index];
    rely_on(result.owner);
    for (const FiledAudit& audit : papers_.audits) {
      if (audit.order.target == result.lease && audit.state == AuditState::kPassed)
        rely_on(audit.owner);
    }
  }
}

/// Who is excluded already may have agreed, and counts for nothing.
void Hearing::rely_on(const std::string& owner) {
  if (!court_.beliefs.excluded(owner)) minutes().relied_on.insert(owner);
}

/// A share of all leases: so many for each of the unit's own. What one owner alone returned may be
/// wrong itself, so that nobody is held to it.
void Hearing::wish_for_canary(const Outcome& outcome) {
  if (outcome.decision.agreed.size() < 2) return;
  const double rate = outcome.canary_rate;
  const double each = rate / (1 - rate) * static_cast<double>(opinions_given());
  const bool part = messages::is_part_of_frame(now_->lease.shard);
  if (rate <= 0 || part || !court_.chance(each)) return;
  minutes().canaries.push_back({now_->lease.unit, opinions_given() + 1});
}

void Hearing::judge(FiledResult& result, const std::string& judged) {
  result.judged = judged;
  minutes().judged[result.lease] = judged;
}

void Hearing::judge_all(const std::vector<std::size_t>& agreed) {
  for (std::size_t index = 0; index < papers_.results.size(); ++index) {
    FiledResult& result = papers_.results[index];
    judge(result, std::ranges::find(agreed, index) != agreed.end() ? "agreed"
                  : result.claims_image                            ? "rejected"
                                                                   : "failed");
  }
}

void Hearing::give_verdict(Ruled ruled) {
  wire::VerdictT verdict;
  verdict.job = now_->lease.job;
  verdict.unit = static_cast<std::uint64_t>(now_->lease.unit);
  verdict.frame = now_->lease.frame;
  verdict.lease = now_->lease.lease;
  verdict.counts = ruled.counts && !was_unable();
  verdict.decision = ruled.decision;
  verdict.opinions = static_cast<std::uint8_t>(opinions_given());
  verdict.replicas_needed = static_cast<std::uint8_t>(ruled.replicas_needed);
  verdict.artifact = std::move(ruled.artifact);
  verdict.reason = std::move(ruled.reason);
  minutes().verdicts.push_back({std::move(verdict), minutes().positions++, ruled.risk, policy_});
}

void Hearing::tell(wire::EventKind kind, const std::string& owner, const std::string& message) {
  auto event = messages::event_of(kind, now_->lease.job, now_->lease.frame, owner, message);
  event.time_ms = court_.now_ms;
  minutes().events.push_back(std::move(event));
}

/// Of all frames that the unit holds.
void Hearing::tell_of_frames(wire::EventKind kind,
                             const std::string& owner,
                             const std::string& message) {
  for (const std::int32_t frame : messages::frames_of(now_->lease.shard)) {
    tell(kind, owner, message);
    minutes().events.back().frame = frame;
  }
}

}  // namespace worldshare::verifier
