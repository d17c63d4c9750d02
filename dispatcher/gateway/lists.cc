#include "dispatcher/gateway/lists.h"

#include <algorithm>

namespace worldshare::dispatcher {
namespace {

constexpr const char* kJobs = R"(
  select j.id, j.title, j.tenant, case when j.paused and j.state in ('queued', 'active') then 'paused' else j.state end,
         j.priority, j.frames_total, j.frames_accepted, j.frames_failed,
         (select count(*) from units u join replicas p on p.unit = u.id
           where u.job = j.id and u.state = 'open' and p.state = 'leased'),
         (extract(epoch from j.created_at) * 1000)::bigint, (extract(epoch from j.deadline) * 1000)::bigint
    from jobs j where j.tenant = $1
   order by j.state in ('queued', 'active') desc, j.created_at desc limit $2)";

constexpr const char* kUnits = R"(
  select u.id, u.frame, u.state, u.replicas_wanted, count(*) filter (where p.state = 'leased'),
         count(*) filter (where p.state = 'reported'), count(*) filter (where p.state = 'expired'), coalesce(u.reason, ''), u.shard
    from units u left join replicas p on p.unit = u.id
   where u.job = $1 group by u.id order by u.state = 'accepted', u.frame, u.id limit $2)";

constexpr const char* kNodes = R"(
  select a.id, a.owner, case when c.revoked_at is null then a.standing else 'revoked' end, a.standing_reason,
         array_to_string(a.labels, E'\n'), a.online, (extract(epoch from a.last_seen_at) * 1000)::bigint, a.version,
         coalesce(a.render_class, ''), a.blender, array_to_string(a.engines, E'\n'),
         array_to_string(a.features, E'\n'), a.memory_bytes, a.threads, a.slots,
         (select count(*) from replicas p where p.agent = a.id and p.state = 'leased'),
         h.agreed, h.rejected, h.failed, h.expired, h.seconds
    from agents a join credentials c on c.agent = a.id
    left join lateral (
      select count(*) filter (where r.judged = 'agreed') agreed,
             count(*) filter (where r.judged in ('rejected', 'void')) rejected,
             count(*) filter (where r.judged = 'failed') failed,
             count(*) filter (where p.state = 'expired' and r.lease is null) expired,
             coalesce(sum(r.render_seconds) filter (where r.judged = 'agreed'), 0) seconds
        from replicas p left join results r on r.lease = p.lease where p.agent = a.id) h on true
   order by a.online desc, a.owner, a.id limit $1)";

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// Reads one row's columns in their order.
class Reader {
 public:
  Reader(const pg::Rows& rows, int row) : rows_(rows), row_(row) {}
  std::string text() { return rows_.str(row_, column_++); }
  std::vector<std::string> list() { return lines(rows_.text(row_, column_++)); }
  bool boolean() { return rows_.boolean(row_, column_++); }
  double real() { return rows_.real(row_, column_++); }
  std::uint64_t number() { return static_cast<std::uint64_t>(rows_.integer(row_, column_++)); }
  std::uint32_t count() { return static_cast<std::uint32_t>(number()); }

 private:
  const pg::Rows& rows_;
  int row_;
  int column_ = 0;
};

}  // namespace

Result<wire::JobListT> job_list(pg::Connection& pg, const std::string& tenant, int limit) {
  auto rows = pg.exec(kJobs, {tenant, limit});
  if (!rows) return std::unexpected(rows.error());
  wire::JobListT list;
  for (int i = 0; i < rows->size(); ++i) {
    Reader read(*rows, i);
    auto line = std::make_unique<wire::JobLineT>();
    line->id = read.text();
    line->title = read.text();
    line->tenant = read.text();
    line->state = read.text();
    line->priority = static_cast<std::uint8_t>(read.number());
    line->frames = read.count();
    line->frames_accepted = read.count();
    line->frames_failed = read.count();
    line->in_work = read.count();
    line->submitted_ms = read.number();
    line->deadline_ms = read.number();
    list.jobs.push_back(std::move(line));
  }
  return list;
}

Result<wire::UnitListT> unit_list(pg::Connection& pg,
                                  const std::string& tenant,
                                  const std::string& job,
                                  int limit) {
  auto known = pg.exec("select 1 from jobs where id = $1 and tenant = $2", {job, tenant});
  if (!known) return std::unexpected(known.error());
  if (known->empty())
    return fail(Errc::kNotFound, "there is no job " + messages::clean_text(job, 64));
  auto rows = pg.exec(kUnits, {job, limit});
  if (!rows) return std::unexpected(rows.error());
  wire::UnitListT list;
  for (int i = 0; i < rows->size(); ++i) {
    Reader read(*rows, i);
    auto line = std::make_unique<wire::UnitLineT>();
    line->id = read.number();
    line->frame = static_cast<std::int32_t>(read.number());
    line->state = read.text();
    line->replicas_wanted = read.count();
    line->leased = read.count();
    line->reported = read.count();
    line->expired = read.count();
    line->reason = read.text();
    line->shard = read.text();
    list.units.push_back(std::move(line));
  }
  return list;
}

Result<wire::NodeListT> node_list(pg::Connection& pg, int limit) {
  auto rows = pg.exec(kNodes, {limit});
  if (!rows) return std::unexpected(rows.error());
  wire::NodeListT list;
  for (int i = 0; i < rows->size(); ++i) {
    Reader read(*rows, i);
    auto line = std::make_unique<wire::NodeLineT>();
    line->agent = read.text();
    line->owner = read.text();
    line->standing = read.text();
    line->reason = read.text();
    line->labels = read.list();
    line->online = read.boolean();
    line->last_seen_ms = read.number();
    line->version = read.text();
    line->render_class = read.text();
    line->blender = read.text();
    line->engines = read.list();
    line->features = read.list();
    line->memory_bytes = read.number();
    line->threads = read.count();
    line->slots = read.count();
    line->leased = read.count();
    line->agreed = read.count();
    line->rejected = read.count();
    line->failed = read.count();
    line->expired = read.count();
    line->render_seconds = read.real();
    list.nodes.push_back(std::move(line));
  }
  return list;
}

wire::QueueT queue_status(const Board::Notice& notice) {
  wire::QueueT queue;
  queue.leader = notice.leader;
  queue.nodes_online = notice.nodes_online;
  queue.leases = notice.figures.leases;
  queue.open_units = notice.figures.open_units;
  for (const auto& depth : notice.figures.depths.tenants) {
    auto line = std::make_unique<wire::TenantLineT>();
    line->tenant = depth.tenant;
    line->weight = depth.weight;
    line->served = depth.served;
    line->leases = depth.leases;
    line->jobs = depth.jobs;
    line->frames_waiting = depth.frames_waiting;
    queue.tenants.push_back(std::move(line));
  }
  for (const auto& depth : notice.figures.depths.needs) {
    auto line = std::make_unique<wire::NeedLineT>();
    line->need = depth.need;
    line->jobs = depth.jobs;
    line->frames_waiting = depth.frames_waiting;
    line->free_seats = depth.free_seats;
    queue.needs.push_back(std::move(line));
  }
  return queue;
}

}  // namespace worldshare::dispatcher
