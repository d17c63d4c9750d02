#include "dispatcher/gateway/job_shares.h"

#include "dispatcher/gateway/row_reader.h"
#include "dispatcher/gateway/status.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kOwnerShares = R"(
  select p.owner, count(*) filter (where p.state = 'leased'), count(*) filter (where r.judged = 'agreed'),
         count(*) filter (where r.judged in ('rejected', 'void')), count(*) filter (where r.judged = 'failed'),
         coalesce(sum(c.amount), 0), coalesce(sum(u.frames) filter (where r.lease is not null and p.audit is null), 0)
    from replicas p join units u on u.id = p.unit
    left join results r on r.lease = p.lease left join credit c on c.lease = p.lease
   where )" WS_UNITS_OF_JOB " group by p.owner order by p.owner";

JobShares read_shares(const pg::Rows& rows) {
  JobShares shares;
  double agreed = 0;
  double judged = 0;
  for (int i = 0; i < rows.size(); ++i) {
    RowReader row(rows, i);
    auto& share = shares.owners.emplace_back();
    share.owner = row.text();
    share.leased = row.count();
    share.agreed = row.count();
    share.rejected = row.count();
    share.failed = row.count();
    share.credit = row.real();
    shares.reported += row.count();
    agreed += share.agreed;
    judged += share.agreed + share.rejected + share.failed;
  }
  shares.consensus_rate = judged > 0 ? agreed / judged : 0;
  return shares;
}

}  // namespace

Result<JobShares> job_shares(pg::Connection& pg,
                             Recent<JobShares>& recent,
                             const std::string& job,
                             const std::string& state) {
  const std::string name = job + " " + state;
  if (auto known = recent.find(name)) return std::move(*known);
  const auto began = Recent<JobShares>::Time::now();
  auto rows = pg.exec(kOwnerShares, {job});
  if (!rows) return std::unexpected(rows.error());
  JobShares shares = read_shares(*rows);
  recent.keep(name, shares, began);
  return shares;
}

}  // namespace worldshare::dispatcher
