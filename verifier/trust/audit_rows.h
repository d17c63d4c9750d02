#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/minutes.h"
#include "verifier/trust/papers.h"

// The tables audits and job_checks. Errors are those of pg::Transaction.

namespace worldshare::verifier {

/// Adds to the papers of these units what was ordered of them.
Result<> read_audits(pg::Transaction& transaction,
                     const std::vector<std::int64_t>& units,
                     std::map<std::int64_t, Papers>& papers);

/// Adds to them what is known of their jobs.
Result<> read_measures(pg::Transaction& transaction,
                       const std::vector<std::int64_t>& units,
                       std::map<std::int64_t, Papers>& papers);

/// Orders and answers; the results of `minutes` are there.
Result<> write_audits(pg::Transaction& transaction, const Minutes& minutes);
/// Locks the rows of these jobs, in one order for all.
Result<> write_measures(pg::Transaction& transaction, const Minutes& minutes);

}  // namespace worldshare::verifier
