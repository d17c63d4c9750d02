#pragma once

#include <algorithm>

#include "tests/unit/hearing_fixture.h"

namespace worldshare::verifier {

/// Sittings on one unit under the policy `standard`, one after the other. Who audits honestly hands
/// in the picture that is right, as one would who renders all of it.
class HearingAuditTest : public HearingTest {
 protected:
  HearingAuditTest() {
    rules_ = rules("standard");
    rules_.audit_cost = 0.05;
  }

  Submission& render(const std::string& name, const std::string& artifact) {
    Submission& out = rendered(name, artifact);
    out.lease.samples = 32;
    return out;
  }

  /// The answer to the papers' n-th audit.
  Submission& audit(const std::string& name, std::size_t n, const std::string& artifact) {
    Submission& out =
        artifact.empty() ? add(name, Finding::Outcome::kFailed) : rendered(name, artifact);
    out.lease.samples = 32;
    out.lease.audit = papers_.audits.at(n).order;
    return out;
  }

  /// Holds one sitting after another on the same unit, as the rows would have it in between.
  Minutes sit() {
    papers_.replicas_wanted = std::max<unsigned>(1, papers_.replicas_wanted);
    Minutes minutes = hold(papers_);
    for (const auto& row : minutes.results) note(row, minutes);
    for (auto& [id, answer] : minutes.audit_answers) {
      FiledAudit& audit = papers_.audits.at(static_cast<std::size_t>(id - 1));
      audit.state = answer.state;
      audit.finding = answer.finding;
    }
    for (const auto& row : minutes.audit_orders) {
      papers_.audits.emplace_back().order = row.order;
      papers_.audits.back().order.id = static_cast<std::int64_t>(papers_.audits.size());
    }
    for (const auto& [job, more] : minutes.measured) {
      papers_.measures.chosen = more.chosen.empty() ? papers_.measures.chosen : more.chosen;
      if (!more.unauditable.empty()) papers_.measures.unauditable = more.unauditable;
    }
    for (const auto& row : minutes.verdicts) {
      const auto decision = row.verdict.decision;
      if (decision == wire::Decision::accepted) papers_.ending = Ending{true, row.verdict.artifact};
      if (decision == wire::Decision::more_replicas && row.verdict.counts)
        papers_.replicas_wanted = row.verdict.opinions + row.verdict.replicas_needed;
    }
    for (const auto& [lease, judged] : minutes.judged) {
      for (auto& result : papers_.results) {
        if (result.lease == lease) result.judged = judged;
      }
      for (auto& one : papers_.audits) {
        if (one.lease == lease) one.judged = judged;
      }
    }
    submissions_.clear();
    return minutes;
  }

  std::size_t open() const {
    return static_cast<std::size_t>(
        std::ranges::count(papers_.audits, AuditState::kOpen, &FiledAudit::state));
  }

  Papers papers_ = [] {
    Papers out;
    out.replicas_wanted = 1;
    return out;
  }();

 private:
  void note(const Minutes::Result& row, const Minutes& minutes) {
    const Submission& submission = *row.submission;
    const auto& order = submission.lease.audit;
    const bool answers = order && minutes.audit_answers.contains(order->id) &&
                         minutes.audit_answers.at(order->id).lease == submission.lease.lease;
    if (row.outcome == Finding::Outcome::kVoid) papers_.voids.push_back(submission.lease.lease);
    if (row.outcome == Finding::Outcome::kVoid && !answers) return;
    const std::string artifact =
        submission.result.artifact ? submission.result.artifact->sha256 : std::string();
    const bool whole = order && order->whole() && !artifact.empty();
    if (!order || whole) {
      papers_.results.push_back({submission.lease.lease, submission.lease.owner, !artifact.empty(),
                                 !artifact.empty(), artifact, "", "pending",
                                 submission.result.renderer, submission.lease.instead_of_audits,
                                 whole, submission.lease.half});
    }
    if (!order) return;
    FiledAudit& audit = papers_.audits.at(static_cast<std::size_t>(order->id - 1));
    audit.lease = submission.lease.lease;
    audit.owner = submission.lease.owner;
    audit.artifact = artifact;
  }
};

}  // namespace worldshare::verifier
