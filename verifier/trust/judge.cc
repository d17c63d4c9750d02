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
  Hearing(Docket& docket,
          const LeaseRecord& lease,
          Artifacts& artifacts,
          Metrics& metrics,
          const Tolerance& tolerance,
          std::uint64_t now_ms)
      : docket_(docket),
        lease_(lease),
        artifacts_(artifacts),
        metrics_(metrics),
        tolerance_(tolerance),
        now_ms_(now_ms) {}

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

  Result<> deliberate() {
    const auto opinions = docket_.opinions();
    if (!opinions) return std::unexpected(opinions.error());
    const auto agreements = compare_all(*opinions);
    if (!agreements) return std::unexpected(agreements.error());
    const Decision decision = decide(*opinions, *agreements, lease_.policy);
    Verdict verdict;
    verdict.decision = to_wire(decision.ruling);
    verdict.replicas_needed = decision.replicas_needed;
    verdict.reason = decision.reason;
    if (decision.ruling == Ruling::kAccepted) {
      verdict.artifact = (*opinions)[decision.accepted].artifact;
    }
    if (auto ok = docket_.add_verdict(verdict); !ok) return ok;
    return conclude(decision, *opinions);
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
    auto comparison = compare_artifacts(a.artifact, b.artifact);
    if (!comparison) return comparison;
    if (auto ok = docket_.add_comparison(a.lease, b.lease, *comparison); !ok) {
      return std::unexpected(ok.error());
    }
    return comparison;
  }

  Result<Comparison> compare_artifacts(const std::string& a, const std::string& b) {
    if (a == b) return same_blob();
    const auto left = artifacts_.get(a, lease_.image);
    const auto right = artifacts_.get(b, lease_.image);
    // Both were found in order when they came in: what fails now is the store, not the agent.
    if (!left) return fail(Errc::kUnavailable, "artifact " + a + ": " + left.error().message);
    if (!right) return fail(Errc::kUnavailable, "artifact " + b + ": " + right.error().message);
    return compare(metrics_, *left, *right, tolerance_);
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
  Artifacts& artifacts_;
  Metrics& metrics_;
  const Tolerance& tolerance_;
  const std::uint64_t now_ms_;
  Judgement out_;
};

}  // namespace

Judge::Judge(pg::Connection& connection,
             Artifacts& artifacts,
             Metrics& metrics,
             const Clock& clock,
             const JudgeOptions& options)
    : connection_(connection),
      artifacts_(artifacts),
      metrics_(metrics),
      clock_(clock),
      options_(options) {}

Result<Judgement> Judge::judge(const wire::ResultT& result) {
  auto lease = load_lease(connection_, result.lease);
  if (!lease) return std::unexpected(lease.error());
  lease->image.pixel_bytes = options_.image_limit_bytes;
  if (auto ok = check_holder(*lease, result, options_.dispatcher_public_key); !ok) {
    return std::unexpected(ok.error());
  }
  const auto finding = examine(result, *lease, artifacts_);
  if (!finding) return std::unexpected(finding.error());
  for (int attempt = 1;; ++attempt) {
    auto docket = Docket::open(connection_, *lease);
    if (!docket) return std::unexpected(docket.error());
    const auto now_ms = unix_ms(clock_.now());
    auto judgement = Hearing(*docket, *lease, artifacts_, metrics_, options_.tolerance, now_ms)
                         .run(result, *finding);
    const bool again = !judgement && judgement.error().code == Errc::kConflict;
    if (!again || attempt == kAttempts) return judgement;
  }
}

}  // namespace worldshare::verifier
