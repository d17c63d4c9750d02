#include "verifier/trust/judge.h"

#include <algorithm>

#include "verifier/consensus/consensus.h"
#include "verifier/trust/examination.h"
#include "verifier/trust/lease_record.h"

namespace worldshare::verifier {
namespace {

constexpr int kAttempts = 5;

wire::Decision to_wire(Ruling ruling) {
  switch (ruling) {
    case Ruling::kPending: return wire::Decision::pending;
    case Ruling::kAccepted: return wire::Decision::accepted;
    case Ruling::kMoreReplicas: return wire::Decision::more_replicas;
    case Ruling::kFailed: return wire::Decision::failed;
  }
  return wire::Decision::pending;
}

/// One result before its unit's docket.
class Hearing {
 public:
  Hearing(Docket& docket, const LeaseRecord& lease, Evidence& evidence, std::uint64_t now_ms)
      : docket_(docket), lease_(lease), evidence_(evidence), now_ms_(now_ms) {}

  Result<Judgement> run(const wire::ResultT& result, const Finding& finding) {
    const auto ending = docket_.ending();
    if (!ending) return std::unexpected(ending.error());
    Judgement nothing_new;
    nothing_new.duplicate = true;
    if (*ending && lease_.state == "expired") return nothing_new;
    const auto added = docket_.add_result(result, finding);
    if (!added) return std::unexpected(added.error());
    if (!*added) return nothing_new;
    if (auto ok = hear(finding, *ending); !ok) return std::unexpected(ok.error());
    if (auto ok = docket_.commit(); !ok) return std::unexpected(ok.error());
    return std::move(out_);
  }

 private:
  Result<> hear(const Finding& finding, const std::optional<Ending>& ending) {
    if (finding.outcome == Finding::Outcome::kVoid) return dismiss(finding.why_void, ending);
    tell(wire::EventKind::frame_reported, lease_.owner,
         finding.outcome == Finding::Outcome::kRendered ? "rendered" : "cannot be rendered");
    if (!ending) return deliberate();
    return finding.outcome == Finding::Outcome::kRendered ? compare_late(*ending) : note_late();
  }

  Result<> dismiss(const std::string& why, const std::optional<Ending>& ending) {
    Verdict verdict;
    verdict.counts = false;
    verdict.decision = ending ? wire::Decision::pending : wire::Decision::more_replicas;
    verdict.replicas_needed = ending ? 0 : 1;
    verdict.reason = "the result is void: " + why;
    tell(wire::EventKind::replica_rejected, lease_.owner, verdict.reason);
    if (auto ok = docket_.blame_owner(); !ok) return ok;
    return docket_.add_verdict(verdict);
  }

  /// Each round in which an artifact turns out not to decode makes one opinion fewer a rendering.
  Result<> deliberate() {
    for (;;) {
      const auto opinions = docket_.opinions();
      if (!opinions) return std::unexpected(opinions.error());
      flaws_ = 0;
      const auto agreements = compare_all(*opinions);
      if (!agreements) return std::unexpected(agreements.error());
      if (flaws_ != 0) continue;
      const Decision decision = decide(*opinions, *agreements, lease_.policy);
      if (auto ok = prove(decision, *opinions); !ok) return ok;
      if (flaws_ == 0) return pronounce(decision, *opinions);
    }
  }

  /// Nothing is accepted before it is known to decode.
  Result<> prove(const Decision& decision, const std::vector<Opinion>& opinions) {
    if (decision.ruling != Ruling::kAccepted) return {};
    if (auto ok = prove(opinions[decision.accepted]); !ok || flaws_ == 0) return ok;
    for (const std::size_t index : decision.agreed) {  // alike, so these may be no better
      if (index == decision.accepted) continue;
      if (auto ok = prove(opinions[index]); !ok) return ok;
    }
    return {};
  }

  Result<> prove(const Opinion& opinion) {
    const auto flaw = evidence_.prove(opinion.artifact, lease_.image);
    if (!flaw) return std::unexpected(flaw.error());
    return *flaw ? note_flaw(opinion, **flaw) : Result<>{};
  }

  Result<> note_flaw(const Opinion& opinion, const std::string& why) {
    ++flaws_;
    tell(wire::EventKind::replica_rejected, opinion.owner, "its artifact does not decode: " + why);
    return docket_.add_flaw(opinion.lease, why);
  }

  Result<> pronounce(const Decision& decision, const std::vector<Opinion>& opinions) {
    Verdict verdict;
    verdict.decision = to_wire(decision.ruling);
    verdict.replicas_needed = decision.replicas_needed;
    verdict.reason = decision.reason;
    if (decision.ruling == Ruling::kAccepted) {
      verdict.artifact = opinions[decision.accepted].artifact;
    }
    if (auto ok = docket_.add_verdict(verdict); !ok) return ok;
    return conclude(decision, opinions);
  }

  Result<> conclude(const Decision& decision, const std::vector<Opinion>& opinions) {
    if (decision.ruling == Ruling::kFailed) {
      tell(wire::EventKind::frame_failed, "", decision.reason);
      return docket_.give_up();
    }
    if (decision.ruling != Ruling::kAccepted) return {};
    std::vector<std::string> agreed;
    for (const std::size_t index : decision.agreed) agreed.push_back(opinions[index].lease);
    for (const std::size_t index : decision.rejected) {
      tell(wire::EventKind::replica_rejected, opinions[index].owner,
           "its rendering differs from the accepted one");
    }
    tell(wire::EventKind::frame_accepted, opinions[decision.accepted].owner, decision.reason);
    return docket_.accept(opinions[decision.accepted].lease, agreed);
  }

  /// All pairs of renderings that agree; what is not on record yet is compared and recorded.
  Result<std::vector<Agreement>> compare_all(const std::vector<Opinion>& opinions) {
    auto known = docket_.comparisons();
    if (!known) return std::unexpected(known.error());
    std::vector<Agreement> out;
    for (std::size_t a = 0; a < opinions.size(); ++a) {
      for (std::size_t b = a + 1; b < opinions.size(); ++b) {
        if (!opinions[a].rendered || !opinions[b].rendered) continue;
        const auto found = known->find(std::minmax(opinions[a].lease, opinions[b].lease));
        const auto comparison =
            found != known->end() ? found->second : compare_pair(opinions[a], opinions[b]);
        if (!comparison) return std::unexpected(comparison.error());
        if (comparison->agree) out.push_back({a, b, comparison->distance()});
      }
    }
    return out;
  }

  Result<Comparison> compare_pair(const Opinion& a, const Opinion& b) {
    const auto exhibit = evidence_.compare(a.artifact, b.artifact, lease_.image);
    if (!exhibit) return std::unexpected(exhibit.error());
    const Comparison& comparison = exhibit->comparison;
    if (auto ok = docket_.add_comparison(a.lease, b.lease, comparison, evidence_.lpips_network());
        !ok) {
      return std::unexpected(ok.error());
    }
    for (const auto& [opinion, flaw] : {std::pair(&a, &exhibit->flaw_a), {&b, &exhibit->flaw_b}}) {
      if (flaw->empty()) continue;
      if (auto ok = note_flaw(*opinion, *flaw); !ok) return std::unexpected(ok.error());
    }
    return comparison;
  }

  Result<> compare_late(const Ending& ending) {
    if (!ending.accepted) return late("rejected", "the frame had failed before");
    const auto opinions = docket_.opinions();
    if (!opinions) return std::unexpected(opinions.error());
    const auto accepted = std::ranges::find(*opinions, ending.lease, &Opinion::lease);
    const auto own = std::ranges::find(*opinions, lease_.lease, &Opinion::lease);
    if (accepted == opinions->end() || own == opinions->end()) {
      return fail(Errc::kInternal, "the accepted result of an accepted unit is not on record");
    }
    const auto comparison = compare_pair(*accepted, *own);
    if (!comparison) return std::unexpected(comparison.error());
    if (flaws_ != 0) return late("rejected", "its artifact does not decode");
    return comparison->agree ? late("agreed", "the frame was accepted before, alike")
                             : late("rejected", "the frame was accepted before, unlike this one");
  }

  Result<> note_late() { return late("failed", "the frame was judged before"); }

  /// A final verdict stands: the result is kept on record, earns nothing and changes nothing.
  Result<> late(const std::string& judged, const std::string& reason) {
    if (auto ok = docket_.mark(lease_.lease, judged); !ok) return ok;
    Verdict verdict;
    verdict.reason = reason;
    return docket_.add_verdict(verdict);
  }

  void tell(wire::EventKind kind, const std::string& owner, const std::string& message) {
    wire::EventT event;
    event.job = lease_.job;
    event.kind = kind;
    event.time_ms = now_ms_;
    event.frame = lease_.frame;
    event.owner = owner;
    event.message = message;
    out_.events.push_back(std::move(event));
  }

  Docket& docket_;
  const LeaseRecord& lease_;
  Evidence& evidence_;
  const std::uint64_t now_ms_;
  int flaws_ = 0;  ///< noted since the opinions were read
  Judgement out_;
};

}  // namespace

Judge::Judge(pg::Connection& connection,
             Evidence& evidence,
             const Clock& clock,
             const JudgeOptions& options)
    : connection_(connection), evidence_(evidence), clock_(clock), options_(options) {}

Result<Judgement> Judge::judge(const wire::ResultT& result) {
  auto lease = load_lease(connection_, result.lease);
  if (!lease) return std::unexpected(lease.error());
  lease->image.pixel_bytes = options_.image_limit_bytes;
  if (auto ok = check_holder(*lease, result, options_.dispatcher_public_key); !ok) {
    return std::unexpected(ok.error());
  }
  const auto finding = examine(result, *lease, evidence_);
  if (!finding) return std::unexpected(finding.error());
  for (int attempt = 1;; ++attempt) {
    auto docket = Docket::open(connection_, *lease);
    if (!docket) return std::unexpected(docket.error());
    const auto now_ms = unix_ms(clock_.now());
    auto judgement = Hearing(*docket, *lease, evidence_, now_ms).run(result, *finding);
    const bool again = !judgement && judgement.error().code == Errc::kConflict;
    if (!again || attempt == kAttempts) return judgement;
  }
}

}  // namespace worldshare::verifier
