#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verifier/desk/comparison_set.h"
#include "verifier/due_work.h"

namespace worldshare::verifier {

/// Compares the pictures that somebody handed in for it: the table `verifications`. The tools must
/// outlive it.
class VerificationDesk final : public DueWork {
 public:
  VerificationDesk(pg::Connection database,
                   const Tolerances& tolerances,
                   const ComparisonLimits& limits,
                   const ComparisonTools& tools)
      : DueWork(std::move(database), "compare"),
        tolerances_(tolerances),
        limits_(limits),
        tools_(tools) {}

  /// A comparison is short: it does not look at `stop`.
  Result<bool> do_next(const std::stop_token& stop = {}) override;

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

  const Tolerances tolerances_;
  const ComparisonLimits limits_;
  const ComparisonTools tools_;
};

}  // namespace worldshare::verifier
