#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/desk/comparison_set.h"

namespace worldshare::verifier {

/// Answers the table `verifications`: pictures that somebody handed in to have them compared, one
/// request after the other. Any number of desks, in any number of processes, share the table: a
/// request is in work at one of them, and if that one dies the next takes it. One thread; the tools
/// must outlive it.
class VerificationDesk {
 public:
  VerificationDesk(pg::Connection database,
                   const Tolerances& tolerances,
                   const ComparisonLimits& limits,
                   const ComparisonTools& tools)
      : database_(std::move(database)), tolerances_(tolerances), limits_(limits), tools_(tools) {}

  /// Answers the request that is due first; false when there is none. What cannot be compared now
  /// is tried again later, after ever longer; what never can be has failed, with the reason.
  /// Errors are those of the database and the blob store; the request waits then.
  Result<bool> answer_next();
  /// Until `stop` is requested.
  void run(std::stop_token stop);
  bool healthy() const { return healthy_; }

 private:
  struct Request {
    std::string id;
    bool same_class = false;
    std::vector<std::string> artifacts;
  };
  static Result<std::optional<Request>> take(pg::Transaction& transaction);
  Result<> record(pg::Transaction& transaction,
                  const Request& request,
                  const Result<std::vector<ComparedPair>>& pairs);
  Result<> add_pair(pg::Transaction& transaction,
                    const std::string& request,
                    const ComparedPair& pair);
  const Tolerance& tolerance_of(const Request& request) const;

  pg::Connection database_;
  const Tolerances tolerances_;
  const ComparisonLimits limits_;
  const ComparisonTools tools_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace worldshare::verifier
