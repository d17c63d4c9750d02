#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "shared/pg/connection.h"

namespace worldshare::pg {

/// Until the transaction ends nobody else judges these units or gives them up. Units lock by their
/// positive ids, ascending for all; services use negative keys. Who takes these locks takes them
/// before those of any row.
inline Result<> lock_units(Transaction& transaction, std::vector<std::int64_t> units) {
  std::ranges::sort(units);
  return transaction.run("select pg_advisory_xact_lock(id) from unnest($1::bigint[]) id",
                         {array(units)});
}

}  // namespace worldshare::pg
