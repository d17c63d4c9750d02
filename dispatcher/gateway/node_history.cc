#include "dispatcher/gateway/node_history.h"

#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kHistories = R"(
  select a.id, h.agreed, h.rejected, h.failed, h.expired, h.seconds
    from unnest($1::text[]) a (id), lateral (
      select count(*) filter (where r.judged = 'agreed') agreed,
             count(*) filter (where r.judged in ('rejected', 'void')) rejected,
             count(*) filter (where r.judged = 'failed') failed,
             count(*) filter (where p.state = 'expired' and r.lease is null) expired,
             coalesce(sum(r.render_seconds) filter (where r.judged = 'agreed'), 0) seconds
        from replicas p left join results r on r.lease = p.lease where p.agent = a.id) h)";

NodeHistory read_history(RowReader& row) {
  NodeHistory history;
  history.agreed = row.count();
  history.rejected = row.count();
  history.failed = row.count();
  history.expired = row.count();
  history.render_seconds = row.real();
  return history;
}

}  // namespace

Result<std::map<std::string, NodeHistory>> node_histories(pg::Connection& pg,
                                                          Recent<NodeHistory>& recent,
                                                          const std::vector<std::string>& agents) {
  std::map<std::string, NodeHistory> histories;
  std::vector<std::string> unknown;
  for (const auto& agent : agents) {
    if (const auto known = recent.find(agent)) {
      histories.emplace(agent, *known);
    } else {
      unknown.push_back(agent);
    }
  }
  if (unknown.empty()) return histories;
  const auto began = Recent<NodeHistory>::Time::now();
  auto rows = pg.exec(kHistories, {pg::array(unknown)});
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) {
    RowReader row(*rows, i);
    const std::string agent = row.text();
    const NodeHistory history = read_history(row);
    recent.keep(agent, history, began);
    histories.emplace(agent, history);
  }
  return histories;
}

}  // namespace worldshare::dispatcher
