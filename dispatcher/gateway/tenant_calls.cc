#include "dispatcher/access/token_rows.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/list_reply.h"
#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

constexpr Order kTenantOrder = "t";
constexpr double kGreatestWeight = 1000;
constexpr std::uint64_t kGreatestCount = 1'000'000'000;
constexpr std::uint64_t kGreatestBytes = 1ULL << 60U;

constexpr const char* kTenants = R"(
  select t.id, t.weight, t.max_leases, t.max_jobs, t.max_stored_bytes,
         (select count(*) from jobs j where j.tenant = t.id and j.state in ('queued', 'active')),
         (extract(epoch from t.created_at) * 1000)::bigint
    from tenants t where ($1 = '' or t.id = $1) and ($2::text is null or t.id > $2) order by t.id limit $3)";

constexpr const char* kSetTenant = R"(
  insert into tenants as t (id, weight, max_leases, max_jobs, max_stored_bytes)
  values ($1, coalesce($2::float8, 1), coalesce($3::int, 0), coalesce($4::int, 100000), coalesce($5::bigint, 0))
  on conflict (id) do update set weight = coalesce($2::float8, t.weight), max_leases = coalesce($3::int, t.max_leases),
    max_jobs = coalesce($4::int, t.max_jobs), max_stored_bytes = coalesce($5::bigint, t.max_stored_bytes))";

std::vector<std::string> read_tenant(RowReader& row, wire::TenantAccountT& line) {
  line.tenant = row.text();
  line.weight = row.real();
  line.max_leases = row.count();
  line.max_jobs = row.count();
  line.max_stored_bytes = row.number();
  line.jobs = row.count();
  line.since_ms = row.number();
  return {line.tenant};
}

Result<wire::TenantListT> tenant_list(pg::Connection& pg,
                                      const std::string& only,
                                      const Page& page) {
  const auto rows = pg.exec(kTenants, {only, page.key(0), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::TenantListT list;
  fill_lines<wire::TenantAccountT>(*rows, page, list.tenants, list.next, read_tenant);
  return list;
}

template <class Number>
pg::Param or_null(const flatbuffers::Optional<Number>& value) {
  return value ? pg::Param(*value) : pg::Param(std::nullopt);
}

Result<> check_order(const wire::TenantOrderT& order) {
  if (!is_account(order.tenant)) {
    return fail(Errc::kInvalid,
                "tenant: must be given, 1 to 40 of the letters a-z, digits, '-' and '_'");
  }
  if (order.weight && !(*order.weight > 0 && *order.weight <= kGreatestWeight))
    return fail(Errc::kInvalid, "weight: must be above 0 and at most 1000");
  if (order.max_leases.value_or(0) > kGreatestCount)
    return fail(Errc::kInvalid, "max_leases: must be 0 to 1000000000");
  if (order.max_jobs.value_or(0) > kGreatestCount)
    return fail(Errc::kInvalid, "max_jobs: must be 0 to 1000000000");
  if (order.max_stored_bytes.value_or(0) > kGreatestBytes)
    return fail(Errc::kInvalid, "max_stored_bytes: must be 0 to 1152921504606846976");
  return {};
}

}  // namespace

http::Reply list_tenants(Gateway& gateway, const Call& call) {
  return list(gateway, call, kTenantOrder, [&](pg::Connection& pg, const Page& page) {
    return tenant_list(pg, call.caller.tenant_seen(), page);
  });
}

/// The economy reads the table every three seconds.
http::Reply set_tenant(Gateway& gateway, const Call& call) {
  const auto order = messages::parse_json<wire::TenantOrderT>(call.request.body);
  if (!order) return problem(order.error());
  if (auto ok = check_order(*order); !ok) return problem(ok.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto set =
      (**pg).exec(kSetTenant, {order->tenant, or_null(order->weight), or_null(order->max_leases),
                               or_null(order->max_jobs), or_null(order->max_stored_bytes)});
  if (!set) return problem(set.error());
  const auto now = tenant_list(**pg, order->tenant, Page());
  if (!now) return problem(now.error());
  return json(200, *now->tenants.at(0));
}

}  // namespace worldshare::dispatcher
