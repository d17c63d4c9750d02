#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dispatcher/economy/audit_rows.h"
#include "dispatcher/economy/economy.h"
#include "dispatcher/economy/leadership.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// What a verdict changed.
struct VerdictEffect {
  Result<> outcome;   ///< kNotFound for a lease that nobody was given
  std::string agent;  ///< whose result it was
  std::string owner;
  bool rendered = true;               ///< the result was an image, and not an error
  double render_seconds = 0;          ///< as far as the trust engine believes it
  std::int64_t audit = 0;             ///< that the lease was of; 0: a replica
  bool trusted = false;               ///< the lease was of trusted hardware
  std::optional<std::uint32_t> half;  ///< of the samples; absent: all of them
};

/// Whether a verdict wants further opinions. A replica that is void is replaced without a word; an
/// audit that gave no opinion may be why replicas are wanted.
inline bool asks_for_opinions(const wire::VerdictT& verdict, const VerdictEffect& effect) {
  return verdict.decision == wire::Decision::more_replicas && (verdict.counts || effect.audit != 0);
}

struct JobEnd {
  std::string job;
  std::string state;  ///< "completed" or "failed"
};

/// What the end of units brought about.
struct Endings {
  std::vector<UnitId> failed;      ///< of those that were to fail; the others had ended before
  std::vector<UnitId> cancelled;   ///< parts of frames of which another part failed
  std::vector<StoredUnit> remade;  ///< the frames of units of several that failed, each alone
  std::vector<JobEnd> jobs;

  void add(Endings other);
};

struct VerdictEffects {
  std::vector<VerdictEffect> verdicts;  ///< as they were given
  AuditOrders audits;                   ///< open ones of their units
  Endings endings;
};

/// A divided frame, or a split one, whose parts were put together, or could not be.
struct AssembledFrame {
  std::string job;
  std::int32_t frame = 0;
  bool accepted = false;
  std::string error;
};

struct Assembled {
  std::vector<AssembledFrame> frames;
  std::vector<JobEnd> jobs;  ///< that this ended
};

/// The leader's writing side in PostgreSQL: each method is one fenced transaction over many rows,
/// and idempotent where a message may come twice. One thread.
class Ledger {
 public:
  explicit Ledger(pg::Connection connection)
      : connection_(std::make_unique<pg::Connection>(std::move(connection))),
        leadership_(*connection_) {}

  Leadership& leadership() { return leadership_; }
  pg::Connection& connection() { return *connection_; }
  std::uint64_t generation() const { return connection_->generation(); }

  /// Ids for units that may be made later; those that are not used are lost.
  Result<std::vector<UnitId>> reserve_units(std::size_t count);
  /// Writes new units and leases. Returns the jobs that are not active any more: of these nothing
  /// was written.
  Result<std::set<std::string>> write(const Grants& grants);
  Result<> extend(const std::vector<Lease>& leases);
  /// They ran out, which their units remember.
  Result<> expire(const std::vector<std::string>& leases);
  /// They were handed back.
  Result<> take_back(const std::vector<std::string>& leases);

  Result<VerdictEffects> record_verdicts(std::span<const wire::VerdictT> verdicts);
  /// The dispatcher's own word on units that cannot be finished. One on which the trust engine has
  /// decided meanwhile is left to its verdict.
  Result<Endings> fail_units(const std::vector<UnitFailure>& failures);
  /// Counts the divided frames that the verifier's assembly is done with since the last call.
  Result<Assembled> count_assembled();

 private:
  struct Closing {
    UnitId unit = 0;
    bool accepted = false;
    std::string reason;
  };
  static Result<> lock_jobs(pg::Transaction& transaction, const std::vector<std::int64_t>& units);
  static Result<Endings> close(pg::Transaction& transaction, const std::vector<Closing>& closings);
  static Result<> settle_replicas(pg::Transaction& transaction,
                                  std::span<const wire::VerdictT> verdicts);
  static Result<> raise_wanted(pg::Transaction& transaction,
                               std::span<const wire::VerdictT> verdicts,
                               const std::vector<VerdictEffect>& effects);

  std::unique_ptr<pg::Connection> connection_;
  Leadership leadership_;
};

}  // namespace worldshare::dispatcher
