#pragma once

#include <string>
#include <vector>

#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/docket.h"
#include "verifier/trust/evidence.h"

namespace worldshare::verifier {

struct JudgeOptions {
  std::string dispatcher_public_key;
  std::uint64_t image_limit_bytes = 2ULL << 30;  ///< of one decoded image
};

/// What became of a result. Its verdict is in the database, waiting to be published.
struct Judgement {
  bool duplicate = false;  ///< nothing new was written
  std::vector<wire::EventT> events;
};

/// Judges results, each in one transaction that decides on its unit too. One thread; the referenced
/// objects must outlive it.
class Judge {
 public:
  Judge(pg::Connection& connection,
        Evidence& evidence,
        const Clock& clock,
        const JudgeOptions& options);

  /// Idempotent: a result that is known already changes nothing. kNotFound: nobody holds this
  /// lease; kDenied: not with this agent or this ticket; retryable errors: nothing was written.
  Result<Judgement> judge(const wire::ResultT& result);

 private:
  pg::Connection& connection_;
  Evidence& evidence_;
  const Clock& clock_;
  const JudgeOptions options_;
};

}  // namespace worldshare::verifier
