#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/messages/messages.h"
#include "shared/messages/shard.h"
#include "shared/messages/ticket.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/consensus/consensus.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {

/// What an audit looks at. Its picture is the unit's again, as sharding::plan_audit() lays it out.
struct AuditOrder {
  std::int64_t id = 0;  ///< 0: it is being ordered
  std::string target;   ///< lease of the result
  std::uint64_t seed = 0;
  std::uint32_t tiles = 0;    ///< 0: the whole picture, see whole()
  std::uint32_t samples = 0;  ///< that a pixel of an honest frame has
  double cost = 1;            ///< in renders; only of one that is being ordered
  bool trusted = false;       ///< for trusted hardware alone

  /// A render like any other, by trusted hardware, to hold the unit's results against.
  bool whole() const { return tiles == 0; }
};

/// What the database knows of a lease: who got it, for what.
struct LeaseRecord {
  std::string lease;
  std::string owner;
  std::string agent;
  std::string state;             ///< leased, reported, void, expired
  std::string committed_sha256;  ///< empty: the agent committed to nothing
  std::uint64_t committed_bytes = 0;
  std::int64_t unit = 0;
  std::string job;
  std::int32_t frame = 0;
  messages::Shard shard;           ///< of this frame; what the lease renders, or audits, of it
  messages::FrameSize frame_size;  ///< of the whole one
  std::string scene_sha256;
  Policy policy;
  ImageLimits image;  ///< what the artifact must be; pixel_bytes is left to the caller
  std::optional<std::uint32_t> half;  ///< of the samples, as in `shard`; absent: all of the unit's
  std::optional<AuditOrder> audit;    ///< absent: it is a replica
  bool instead_of_audits = false;     ///< nobody who was connected could audit the unit
  std::uint32_t samples = 0;          ///< of a pixel, as the manifest says
  std::string unauditable;            ///< why the manifest forbids audits, for people
};

/// Reads leases, many at once. Manifests never change, so what they say is kept. One thread; the
/// connection must outlive it.
class LeaseRecords {
 public:
  explicit LeaseRecords(pg::Connection& connection) : connection_(connection) {}

  /// Those that exist, by lease; kInternal for one whose job has no readable manifest. An error of
  /// pg::Connection::exec() when nothing could be read.
  Result<std::map<std::string, Result<LeaseRecord>>> load(const std::vector<std::string>& leases);

 private:
  Result<> learn_jobs(const std::vector<std::string>& jobs);

  pg::Connection& connection_;
  /// What the manifest says of a whole frame.
  struct JobTerms {
    ImageLimits image;
    std::uint32_t samples = 0;
    std::string unauditable;
  };
  static Result<JobTerms> terms_of(const std::string& job, std::string_view manifest_json);
  std::map<std::string, Result<JobTerms>> jobs_;
};

/// kDenied unless `result` comes from the agent that holds the lease, with the dispatcher's ticket.
Result<> check_holder(const LeaseRecord& lease,
                      const wire::ResultT& result,
                      messages::TicketCheck& tickets);

}  // namespace worldshare::verifier
