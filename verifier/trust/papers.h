#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/messages/messages.h"
#include "verifier/consensus/agreement.h"
#include "verifier/policy/event.h"
#include "verifier/trust/checks.h"
#include "verifier/trust/examination.h"
#include "verifier/trust/lease_record.h"

namespace worldshare::verifier {

/// A result whose sender holds the lease, and what it is worth by itself.
struct Submission {
  wire::ResultT result;
  LeaseRecord lease;
  Finding finding;
};

/// How a unit ended.
struct Ending {
  bool accepted = false;
  std::string artifact;  ///< that is accepted
};

enum class ReissueKind : std::uint8_t { kCanary, kDoubt };

/// An accepted unit of which the trust engine wants further replicas.
struct Reissue {
  std::int64_t id = 0;
  ReissueKind kind = ReissueKind::kCanary;
};

/// Something that happened to an owner, as the policy counts it.
struct TrustEvent {
  std::string owner;
  policy::EventKind kind = policy::EventKind::kChecked;
  double ok = 0;
  double bad = 0;
  std::int64_t unit = 0;
  std::string lease;
  std::string reason;  ///< for people
};

/// A counted result of a unit.
struct FiledResult {
  std::string lease;
  std::string owner;
  bool claims_image = false;  ///< it was reported as rendered
  bool rendered = false;      ///< and its artifact is not known to be undecodable
  std::string artifact;
  std::string error;               ///< for people, when not rendered
  std::string judged = "pending";  ///< as in results.judged
  std::string renderer = "";       ///< what rendered it, as the agent tells
  bool instead_of_audits = false;  ///< it was asked for because nobody could audit the unit
  bool trusted = false;            ///< trusted hardware rendered it: no opinion, but the truth
  std::optional<std::uint32_t> half = {};  ///< of the samples; absent: all of them
};

enum class AuditState : std::uint8_t {
  kOpen,
  kPassed,   ///< nothing was found
  kFailed,   ///< the picture looked wrong
  kUnable,   ///< the auditor could not do it, or its picture says nothing: no opinion
  kDropped,  ///< nobody waits for it any more
};

/// An audit that was ordered of a result, and its answer.
struct FiledAudit {
  AuditOrder order;
  AuditState state = AuditState::kOpen;
  std::string lease;               ///< of the answer; empty: there is none
  std::string owner;               ///< the auditor
  std::string artifact;            ///< empty: the auditor reports a failure
  std::string renderer;            ///< what rendered it, as the agent tells
  std::string judged = "pending";  ///< as in results.judged
  std::string finding;             ///< for people
};

/// What two leases' comparison showed, keyed by the smaller and the larger lease.
using Comparisons = std::map<std::pair<std::string, std::string>, Comparison>;

/// What the database holds of a unit.
struct Papers {
  std::optional<Ending> ending;      ///< nothing while the unit is open
  std::vector<FiledResult> results;  ///< in the order of their arrival
  /// Leases whose results are on record and are no opinions: void, or of audits.
  std::vector<std::string> voids;
  Comparisons comparisons;
  unsigned replicas_wanted = 255;  ///< opinions that the dispatcher was asked for, in all
  std::optional<Reissue> reissue;
  std::vector<FiledAudit> audits;  ///< in the order in which they were ordered
  JobMeasures measures;
};

}  // namespace worldshare::verifier
