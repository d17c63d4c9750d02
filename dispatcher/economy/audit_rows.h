#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "dispatcher/economy/unit.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

// The trust engine's table audits, as the dispatcher reads it.

/// Of an audit `a` of the result `t`, as read_audit() wants them.
#define WS_AUDIT_COLUMNS                                            \
  "a.id, a.seed, a.tiles, a.samples, a.cost, t.agent, "             \
  "(select slot from replicas where lease = a.target), a.trusted, " \
  "(select half from replicas where lease = a.target)"

namespace worldshare::dispatcher {

using AuditOrders = std::map<UnitId, std::vector<AuditOrder>>;

/// replicas.half; null: all samples.
std::optional<std::uint32_t> read_half(const pg::Rows& rows, int row, int column);
AuditOrder read_audit(const pg::Rows& rows, int row, int first_column);

/// Of the units $1, for read_audits(): what is not answered, the oldest first.
inline constexpr const char* kOpenAudits = "select a.unit, " WS_AUDIT_COLUMNS R"(
    from audits a join results t on t.lease = a.target
   where a.unit = any($1) and a.state = 'open' order by a.id)";
Result<AuditOrders> read_audits(const Result<pg::Rows>& rows);

}  // namespace worldshare::dispatcher
