#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/connected_owners.h"
#include "verifier/trust/evidence.h"
#include "verifier/trust/exhibits.h"
#include "verifier/trust/lease_record.h"
#include "verifier/trust/minutes.h"
#include "verifier/trust/rules.h"

namespace worldshare::verifier {

struct JudgeOptions {
  std::string dispatcher_public_key;
  std::uint64_t image_limit_bytes = 2ULL << 30;  ///< of one decoded image
  Rules rules;
};

/// What became of some results.
struct Sitting {
  /// One for each result, in their order. Ok: its verdict is in the database, from now or from
  /// before. kNotFound: nobody holds this lease; kDenied: not with this agent or this ticket;
  /// retryable errors: nothing was written of it.
  std::vector<Result<>> outcomes;
  std::vector<wire::VerdictT> verdicts;  ///< new ones, waiting to be published
  std::vector<wire::EventT> events;
};

/// Judges results, many in one sitting: one transaction stores them and decides on all their units.
/// Idempotent: a result that is known already changes nothing. Artifacts are looked at before the
/// transaction; when the units' papers have changed meanwhile, or tell of more to look at, it is
/// held again. One thread; the referenced objects must outlive it.
class Judge {
 public:
  /// Asked before everything that may take long; false ends the sitting, and what is not decided
  /// yet is kUnavailable.
  using GoOn = std::function<bool()>;

  Judge(pg::Connection& connection,
        Evidence& evidence,
        const Clock& clock,
        const JudgeOptions& options);

  Sitting judge(const std::vector<wire::ResultT>& results, const GoOn& go_on);

 private:
  /// An admitted result, and its place among the outcomes.
  struct Case {
    std::size_t index = 0;
    Submission submission;
  };
  using Cases = std::vector<const Case*>;

  std::vector<Case> admit(const std::vector<wire::ResultT>& results,
                          const GoOn& go_on,
                          Sitting& sitting);
  Result<Submission> examine_one(const wire::ResultT& result, const Result<LeaseRecord>& lease);
  void hold(Cases cases, const GoOn& go_on, Sitting& sitting);
  /// The minutes of what is committed; nothing when exhibits are lacking.
  Result<std::optional<Minutes>> hear(const Cases& cases);
  void look_closer(Cases& cases, const GoOn& go_on, Sitting& sitting);

  pg::Connection& connection_;
  Evidence& evidence_;
  const Clock& clock_;
  const JudgeOptions options_;
  messages::TicketCheck tickets_;
  LeaseRecords leases_;
  ConnectedOwners owners_;
  Exhibits exhibits_;
};

}  // namespace worldshare::verifier
