#include "dispatcher/gateway/lists.h"

#include "dispatcher/gateway/row_reader.h"
#include "dispatcher/gateway/status.h"

// Every list asks for one line more than it gives, which tells whether another page follows.

namespace worldshare::dispatcher {
namespace {

constexpr const char* kJobs = R"(
  select j.id, j.title, j.tenant, s.shown, j.priority, j.frames_total, j.frames_accepted, j.frames_failed,
         (select count(*) from units u join replicas p on p.unit = u.id
           where u.job = j.id and u.state = 'open' and p.state = 'leased'),
         s.micros / 1000, (extract(epoch from j.deadline) * 1000)::bigint,
         coalesce(j.manifest->'output'->>'format', 'png'), coalesce(j.manifest->'scene'->>'name', ''),
         coalesce(o.artifact, ''), coalesce(o.size_bytes, 0), (j.state in ('queued', 'active'))::int, s.micros
    from jobs j cross join lateral (
      select (extract(epoch from j.created_at) * 1000000)::bigint as micros,
             case when j.paused and j.state in ('queued', 'active') then 'paused' else j.state end as shown) s
    left join lateral (
      select artifact, size_bytes from outputs where job = j.id order by accepted_at desc, frame desc limit 1) o on true
   where ($1 = '' or j.tenant = $1) and ($2 = '' or s.shown = $2) and ($3 = '' or position(lower($3) in lower(j.title)) > 0)
     and ($4::int is null or ((j.state in ('queued', 'active'))::int, j.created_at, j.id)
                             < ($4::int, 'epoch'::timestamptz + $5::bigint * interval '1 microsecond', $6))
   order by (j.state in ('queued', 'active'))::int desc, j.created_at desc, j.id desc limit $7)";

constexpr const char* kUnits = R"(
  select u.id, u.frame, u.state, u.replicas_wanted, count(*) filter (where p.state = 'leased'),
         count(*) filter (where p.state = 'reported'), count(*) filter (where p.state = 'expired'), coalesce(u.reason, ''),
         u.shard, (u.state = 'accepted')::int
    from units u left join replicas p on p.unit = u.id and p.audit is null
   where )" WS_UNITS_OF_JOB R"( and ($2 = '' or u.state = $2)
     and ($3::int is null or ((u.state = 'accepted')::int, u.frame, u.id) > ($3::int, $4::int, $5::bigint))
   group by u.id order by u.state = 'accepted', u.frame, u.id limit $6)";

// Units of several frames do not overlap others, so that their frames come in the order of theirs.
constexpr const char* kFrames = R"(
  select f.frame, s.shown, g.leased, g.reported, g.agreed, g.rejected, coalesce(o.artifact, ''),
         coalesce(o.size_bytes, 0)
    from (
    select u.frame, u.last_frame, u.frame_step,
           case when bool_or(u.state = 'failed') then 'failed' when bool_or(u.state = 'cancelled') then 'cancelled'
                when sum(c.leased + c.reported) > 0 then 'in_work' else 'queued' end as shown,
           sum(c.leased)::bigint as leased, sum(c.reported)::bigint as reported, sum(c.agreed)::bigint as agreed,
           sum(c.rejected)::bigint as rejected
      from units u left join lateral (
        select count(*) filter (where p.state = 'leased') leased, count(r.lease) reported,
               count(*) filter (where r.judged = 'agreed') agreed,
               count(*) filter (where r.judged in ('rejected', 'void')) rejected
          from replicas p left join results r on r.lease = p.lease left join audits a on a.id = p.audit
         where p.unit = u.id and (p.audit is null or a.tiles = 0)) c on true
     where u.job = $1 and u.state <> 'replaced'
       and ($3::int is null or u.last_frame > $3::int and u.frame > $3::int - )" WS_REACH_OF_A_UNIT
                                R"()
     group by u.frame, u.last_frame, u.frame_step) g
   cross join lateral generate_series(g.frame, g.last_frame, g.frame_step) f(frame)
    left join outputs o on o.job = $1 and o.frame = f.frame
   cross join lateral (select case when o.unit is not null then 'accepted' else g.shown end as shown) s
   where ($2 = '' or s.shown = $2) and ($3::int is null or f.frame > $3::int)
   order by g.frame, f.frame limit $4)";

constexpr const char* kNodes = R"(
  select a.id, a.owner, case when c.revoked_at is null then a.standing else 'revoked' end, a.standing_reason,
         array_to_string(a.labels, E'\n'), a.online, (extract(epoch from a.last_seen_at) * 1000)::bigint, a.version,
         coalesce(a.render_class, ''), a.blender, array_to_string(a.engines, E'\n'),
         array_to_string(a.features, E'\n'), a.memory_bytes, a.threads, a.slots,
         (select count(*) from replicas p where p.agent = a.id and p.state = 'leased')
    from agents a join credentials c on c.agent = a.id
   where ($1 = '' or a.owner = $1) and ($2::int is null or ((not a.online)::int, a.owner, a.id) > ($2::int, $3, $4))
   order by a.online desc, a.owner, a.id limit $5)";

constexpr const char* kOwners = R"(
  select o.id, (select count(*) from agents a where a.owner = o.id),
         (select count(*) from agents a where a.owner = o.id and a.online),
         coalesce(t.agreed, 0), coalesce(t.rejected, 0), coalesce(t.failed, 0),
         (select coalesce(sum(amount), 0) from credit c where c.owner = o.id),
         (select coalesce(sum(amount), 0) from credit c where c.owner = o.id and c.earned_at > now() - interval '1 day'),
         (select (extract(epoch from max(a.last_seen_at)) * 1000)::bigint from agents a where a.owner = o.id),
         (extract(epoch from o.created_at) * 1000)::bigint
    from owners o left join trust t on t.owner = o.id
   where $1::text is null or o.id > $1 order by o.id limit $2)";

std::vector<std::string> read_job(RowReader& row, wire::JobLineT& line, const UrlFor& url_for) {
  line.id = row.text();
  line.title = row.text();
  line.tenant = row.text();
  line.state = row.text();
  line.priority = static_cast<std::uint8_t>(row.number());
  line.frames = row.count();
  line.frames_accepted = row.count();
  line.frames_failed = row.count();
  line.in_work = row.count();
  line.submitted_ms = row.number();
  line.deadline_ms = row.number();
  line.format = row.text();
  line.scene = row.text();
  const std::string artifact = row.text();
  const auto size = row.number();
  if (!artifact.empty()) line.preview = url_for(artifact, size);
  std::string live = row.text();
  std::string micros = row.text();
  return {std::move(live), std::move(micros), line.id};
}

std::vector<std::string> read_unit(RowReader& row, wire::UnitLineT& line) {
  line.id = row.number();
  line.frame = static_cast<std::int32_t>(row.integer());
  line.state = row.text();
  line.replicas_wanted = row.count();
  line.leased = row.count();
  line.reported = row.count();
  line.expired = row.count();
  line.reason = row.text();
  line.shard = row.text();
  return {row.text(), std::to_string(line.frame), std::to_string(line.id)};
}

std::vector<std::string> read_frame(RowReader& row, wire::FrameLineT& line, const UrlFor& url_for) {
  line.frame = static_cast<std::int32_t>(row.integer());
  line.state = row.text();
  line.leased = row.count();
  line.reported = row.count();
  line.agreed = row.count();
  line.rejected = row.count();
  const std::string artifact = row.text();
  line.size_bytes = row.number();
  if (!artifact.empty()) line.url = url_for(artifact, line.size_bytes);
  return {std::to_string(line.frame)};
}

std::vector<std::string> read_node(RowReader& row, wire::NodeLineT& line) {
  line.agent = row.text();
  line.owner = row.text();
  line.standing = row.text();
  line.reason = row.text();
  line.labels = row.list();
  line.online = row.boolean();
  line.last_seen_ms = row.number();
  line.version = row.text();
  line.render_class = row.text();
  line.blender = row.text();
  line.engines = row.list();
  line.features = row.list();
  line.memory_bytes = row.number();
  line.threads = row.count();
  line.slots = row.count();
  line.leased = row.count();
  return {line.online ? "0" : "1", line.owner, line.agent};
}

Result<> add_histories(pg::Connection& pg, Recent<NodeHistory>& recent, wire::NodeListT& list) {
  std::vector<std::string> agents;
  for (const auto& line : list.nodes) agents.push_back(line->agent);
  const auto histories = node_histories(pg, recent, agents);
  if (!histories) return std::unexpected(histories.error());
  for (auto& line : list.nodes) {
    const NodeHistory& history = histories->at(line->agent);
    line->agreed = history.agreed;
    line->rejected = history.rejected;
    line->failed = history.failed;
    line->expired = history.expired;
    line->render_seconds = history.render_seconds;
  }
  return {};
}

std::vector<std::string> read_owner(RowReader& row, wire::OwnerLineT& line) {
  line.owner = row.text();
  line.agents = row.count();
  line.online = row.count();
  line.agreed = row.number();
  line.rejected = row.number();
  line.failed = row.number();
  line.credit = row.real();
  line.credit_day = row.real();
  line.last_seen_ms = row.number();
  line.since_ms = row.number();
  return {line.owner};
}

}  // namespace

Result<wire::JobListT> job_list(pg::Connection& pg,
                                const std::string& tenant,
                                const JobFilter& filter,
                                const Page& page,
                                const UrlFor& url_for) {
  auto rows = pg.exec(kJobs, {tenant, filter.state, filter.search, page.key(0), page.key(1),
                              page.key(2), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::JobListT list;
  fill_lines<wire::JobLineT>(*rows, page, list.jobs, list.next,
                             [&](auto& row, auto& line) { return read_job(row, line, url_for); });
  return list;
}

Result<wire::UnitListT> unit_list(pg::Connection& pg,
                                  const std::string& tenant,
                                  const std::string& job,
                                  const std::string& state,
                                  const Page& page) {
  if (auto ok = check_job(pg, tenant, job); !ok) return std::unexpected(ok.error());
  auto rows = pg.exec(kUnits, {job, state, page.key(0), page.key(1), page.key(2), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::UnitListT list;
  fill_lines<wire::UnitLineT>(*rows, page, list.units, list.next, read_unit);
  return list;
}

Result<wire::FrameListT> frame_list(pg::Connection& pg,
                                    const std::string& tenant,
                                    const std::string& job,
                                    const std::string& state,
                                    const Page& page,
                                    const UrlFor& url_for) {
  if (auto ok = check_job(pg, tenant, job); !ok) return std::unexpected(ok.error());
  auto rows = pg.exec(kFrames, {job, state, page.key(0), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::FrameListT list;
  fill_lines<wire::FrameLineT>(*rows, page, list.frames, list.next, [&](auto& row, auto& line) {
    return read_frame(row, line, url_for);
  });
  return list;
}

Result<wire::NodeListT> node_list(pg::Connection& pg,
                                  Recent<NodeHistory>& recent,
                                  const std::string& owner,
                                  const Page& page) {
  auto rows = pg.exec(kNodes, {owner, page.key(0), page.key(1), page.key(2), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::NodeListT list;
  fill_lines<wire::NodeLineT>(*rows, page, list.nodes, list.next, read_node);
  if (auto ok = add_histories(pg, recent, list); !ok) return std::unexpected(ok.error());
  return list;
}

Result<wire::OwnerListT> owner_list(pg::Connection& pg, const Page& page) {
  auto rows = pg.exec(kOwners, {page.key(0), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::OwnerListT list;
  fill_lines<wire::OwnerLineT>(*rows, page, list.owners, list.next, read_owner);
  return list;
}

wire::QueueT queue_status(const Board::Notice& notice, const std::string& tenant) {
  wire::QueueT queue;
  queue.leader = notice.leader;
  queue.nodes_online = notice.nodes_online;
  queue.leases = notice.figures.leases;
  queue.open_units = notice.figures.open_units;
  for (const auto& depth : notice.figures.depths.tenants) {
    if (!tenant.empty() && depth.tenant != tenant) continue;
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
