#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shared/messages/messages.h"
#include "verifier/audit/audit.h"
#include "verifier/trust/papers.h"

namespace worldshare::verifier {

/// What becomes of an owner's record.
struct RecordChange {
  unsigned agreed = 0;
  unsigned rejected = 0;
  unsigned failed = 0;
};

/// What a sitting decided: the rows that it writes, and what it tells afterwards. Positions count
/// results and verdicts together, in the order in which they came about.
struct Minutes {
  struct Result {
    const Submission* submission = nullptr;
    std::size_t position = 0;
    Finding::Outcome outcome = Finding::Outcome::kVoid;
  };
  struct Comparison {
    std::int64_t unit = 0;
    std::string lease_a;
    std::string lease_b;
    verifier::Comparison comparison;
  };
  struct Verdict {
    wire::VerdictT verdict;
    std::size_t position = 0;
    std::optional<double> risk;  ///< that the leading picture is wrong, where the policy was asked
    std::string policy = {};     ///< that decided, where it is not Minutes::decided_by
  };
  /// An audit is wanted.
  struct Audit {
    std::int64_t unit = 0;
    AuditOrder order;
  };
  struct AuditAnswer {
    AuditState state = AuditState::kOpen;
    std::string lease;
    std::string finding;
    std::optional<AuditFigures> figures;
  };
  /// A further replica is wanted of an accepted unit.
  struct Canary {
    std::int64_t unit = 0;
    std::size_t wanted = 0;  ///< opinions in all
  };
  /// How a reissue stands: a state of the table, and the opinions that it wants in all.
  struct ReissueChange {
    std::string state;
    std::size_t wanted = 0;
    std::string reason;
  };

  /// A frame of a unit of several, as its accepted result shows it.
  struct Frame {
    std::string lease;
    std::int32_t frame = 0;
    StoredImage image;
  };

  std::vector<Result> results;
  std::vector<Comparison> comparisons;
  std::string lpips_network;  ///< of their distances
  std::vector<Verdict> verdicts;
  std::map<std::string, std::string> judged;  ///< lease → results.judged, where it is not pending
  std::map<std::string, std::string> flaws;   ///< lease → why its artifact does not decode
  std::vector<std::string> outputs;           ///< leases of accepted results
  std::vector<Frame> frames;                  ///< likewise, of units of several frames
  std::vector<std::string> made_whole;        ///< those of them whose unit was given out in halves
  std::vector<std::string> merged;            ///< likewise, of halves: both of each frame
  std::vector<std::string> replacements;      ///< likewise, in place of what was accepted before
  std::vector<std::string> credited;          ///< leases of agreed results
  std::vector<std::string> reversed;          ///< leases whose credit is taken back
  std::vector<TrustEvent> trust;              ///< in their order
  /// Owners on whose word units were accepted, none of them excluded as far as the sitting knew.
  std::set<std::string> relied_on;
  std::vector<Canary> canaries;
  std::vector<Audit> audit_orders;
  std::map<std::int64_t, AuditAnswer> audit_answers;  ///< by audit
  std::map<std::string, JobMeasures> measured;        ///< by job: what is added to its row
  std::map<std::int64_t, ReissueChange> reissues;     ///< by reissue
  std::map<std::int64_t, std::string> doubts;   ///< unit → why what was accepted cannot be right
  std::string decided_by;                       ///< the policy
  std::map<std::string, RecordChange> records;  ///< by owner
  std::vector<wire::EventT> events;
  std::size_t positions = 0;
};

}  // namespace worldshare::verifier
