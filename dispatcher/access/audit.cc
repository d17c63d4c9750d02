#include "dispatcher/access/audit.h"

#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kDetailBytes = 500;

constexpr const char* kBegin = R"(
  insert into audit (token, name, role, tenant, address, method, path, detail)
  values ($1, $2, $3, $4, $5, $6, $7, $8) returning id)";
constexpr const char* kEnd =
    "update audit set status = $2, outcome = $3 where id = $1 and status is null";

constexpr const char* kAudit = R"(
  select id, (extract(epoch from at) * 1000)::bigint, token, name, role, tenant, address, method, path, detail,
         coalesce(status, 0), outcome
    from audit where $1::bigint is null or id < $1::bigint order by id desc limit $2)";

}  // namespace

Result<std::int64_t> audit_begin(pg::Connection& pg,
                                 const Caller& caller,
                                 const http::Request& request,
                                 const std::string& detail) {
  const bool known = !caller.token.empty();
  auto rows = pg.exec(
      kBegin, {known ? caller.token : std::string("-"), caller.name,
               known ? std::string(name_of(caller.role)) : std::string("-"), caller.tenant,
               request.address, request.method, messages::clean_text(request.path, kDetailBytes),
               messages::clean_text(detail, kDetailBytes)});
  if (!rows) return std::unexpected(rows.error());
  return rows->integer(0, 0);
}

Result<> audit_end(pg::Connection& pg, std::int64_t record, const http::Reply& reply) {
  const auto made = reply.headers.find("Location");
  const std::string outcome = made == reply.headers.end() ? "" : made->second;
  auto rows = pg.exec(kEnd, {record, reply.status, outcome});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<wire::AuditListT> audit_list(pg::Connection& pg, const Page& page) {
  auto rows = pg.exec(kAudit, {page.key(0), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::AuditListT list;
  fill_lines<wire::AuditLineT>(*rows, page, list.records, list.next,
                               [](RowReader& row, wire::AuditLineT& line) {
                                 line.id = row.number();
                                 line.at_ms = row.number();
                                 line.token = row.text();
                                 line.name = row.text();
                                 line.role = row.text();
                                 line.tenant = row.text();
                                 line.address = row.text();
                                 line.method = row.text();
                                 line.path = row.text();
                                 line.detail = row.text();
                                 line.status = row.count();
                                 line.outcome = row.text();
                                 return std::vector<std::string>{std::to_string(line.id)};
                               });
  return list;
}

}  // namespace worldshare::dispatcher
