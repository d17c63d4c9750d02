#include "dispatcher/economy/audit_rows.h"

namespace worldshare::dispatcher {

std::optional<std::uint32_t> read_half(const pg::Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return static_cast<std::uint32_t>(rows.integer(row, column));
}

AuditOrder read_audit(const pg::Rows& rows, int row, int first) {
  AuditOrder out;
  out.id = rows.integer(row, first);
  out.seed = static_cast<std::uint64_t>(rows.integer(row, first + 1));
  out.tiles = static_cast<std::uint32_t>(rows.integer(row, first + 2));
  out.samples = static_cast<std::uint32_t>(rows.integer(row, first + 3));
  out.cost = rows.real(row, first + 4);
  out.agent = rows.str(row, first + 5);
  if (!rows.is_null(row, first + 6))
    out.slot = static_cast<std::uint32_t>(rows.integer(row, first + 6));
  out.trusted = rows.boolean(row, first + 7);
  out.half = read_half(rows, row, first + 8);
  return out;
}

Result<AuditOrders> read_audits(const Result<pg::Rows>& rows) {
  if (!rows) return std::unexpected(rows.error());
  AuditOrders out;
  for (int row = 0; row < rows->size(); ++row)
    out[rows->integer(row, 0)].push_back(read_audit(*rows, row, 1));
  return out;
}

}  // namespace worldshare::dispatcher
