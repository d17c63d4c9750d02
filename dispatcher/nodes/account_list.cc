#include "dispatcher/nodes/account_list.h"

namespace worldshare::dispatcher {
namespace {

// A row becomes visible later than its time says, but not so much later.
constexpr const char* kChanges = R"(
  select agent, floor(extract(epoch from changed))::bigint, revoked_at is not null
    from (select *, greatest(issued_at, revoked_at) changed from credentials) c
   where changed >= to_timestamp($1::bigint) - interval '5 minutes' order by changed desc)";

/// Accounts between two looks at the broker's answers.
constexpr std::size_t kBatch = 256;

}  // namespace

Result<> AccountList::connect() {
  if (resolver_) return {};
  auto opened = nats::AccountResolver::open(registrar_);
  if (!opened) return std::unexpected(opened.error());
  resolver_ = std::move(*opened);
  return {};
}

Result<std::vector<nats::AgentStanding>> AccountList::news(pg::Connection& pg) const {
  const auto rows = pg.exec(kChanges, {seen_});
  if (!rows) return std::unexpected(rows.error());
  std::vector<nats::AgentStanding> out;
  for (int i = 0; i < rows->size(); ++i) {
    nats::AgentStanding standing{rows->str(i, 0), rows->integer(i, 1), rows->boolean(i, 2)};
    const auto known = known_.find(standing.agent);
    if (known == known_.end() || known->second != standing) out.push_back(std::move(standing));
  }
  return out;
}

Result<std::string> AccountList::publish(pg::Connection& pg) {
  if (auto ok = connect(); !ok) return std::unexpected(ok.error());
  if (!known_.empty()) {
    const auto there = resolver_->has(authority_.account_of(known_.begin()->first));
    if (!there) return std::unexpected(there.error());
    if (!*there) {
      known_.clear();
      seen_ = 0;
    }
  }
  const auto changed = news(pg);
  if (!changed) return std::unexpected(changed.error());
  for (std::size_t done = 0; done < changed->size(); done += kBatch) {
    const auto batch = std::span(*changed).subspan(done, std::min(kBatch, changed->size() - done));
    std::vector<std::string> accounts;
    for (const auto& standing : batch) accounts.push_back(authority_.account_jwt(standing));
    if (auto ok = resolver_->put(accounts); !ok) return std::unexpected(ok.error());
    for (const auto& standing : batch) known_[standing.agent] = standing;
  }
  if (changed->empty()) return std::string();
  seen_ = changed->front().since;
  return "accounts=" + std::to_string(changed->size());
}

}  // namespace worldshare::dispatcher
