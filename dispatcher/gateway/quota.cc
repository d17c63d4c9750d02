#include "dispatcher/gateway/quota.h"

#include <fmt/format.h>

#include "dispatcher/gateway/replies.h"

namespace worldshare::dispatcher {
namespace {

// What it holds is only summed up for a tenant that has a quota.
constexpr const char* kTenantKeeps = R"(
  select t.max_stored_bytes,
         (select coalesce(sum(size_bytes), 0) from uploads where tenant = t.id and sha256 <> $2) +
         (select coalesce(sum(o.size_bytes), 0) from outputs o join jobs j on j.id = o.job where j.tenant = t.id)
    from tenants t where t.id = $1 and t.max_stored_bytes > 0)";

template <class Session>
std::optional<http::Reply> decide(Session& session,
                                  const std::string& tenant,
                                  const std::string& sha256,
                                  std::uint64_t size_bytes) {
  const auto rows = session.exec(kTenantKeeps, {tenant, sha256});
  if (!rows) return problem(rows.error());
  if (rows->empty()) return std::nullopt;
  const auto quota = static_cast<std::uint64_t>(rows->integer(0, 0));
  const auto kept = static_cast<std::uint64_t>(rows->integer(0, 1));
  if (kept + size_bytes <= quota) return std::nullopt;
  return problem_of(
      "quota-exceeded", "Quota Exceeded", 403,
      fmt::format("tenant {} keeps {} bytes and would keep {}: its quota max_stored_bytes is "
                  "{}; ask the operator for more",
                  tenant, kept, kept + size_bytes, quota));
}

}  // namespace

std::optional<http::Reply> over_quota(pg::Transaction& transaction,
                                      const std::string& tenant,
                                      const std::string& sha256,
                                      std::uint64_t size_bytes) {
  return decide(transaction, tenant, sha256, size_bytes);
}

std::optional<http::Reply> over_quota(pg::Connection& pg,
                                      const std::string& tenant,
                                      const std::string& sha256,
                                      std::uint64_t size_bytes) {
  return decide(pg, tenant, sha256, size_bytes);
}

}  // namespace worldshare::dispatcher
