#include "dispatcher/gateway/figures.h"

#include <algorithm>

#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

constexpr int kSteps = 48;
constexpr double kLeastSeconds = 600;

// What is begun counts from the first job on, so that a farm of ten minutes has rates too.
constexpr const char* kWindow = R"(
  select extract(epoch from now()),
         least($1::double precision, greatest($2::double precision, extract(epoch from now() - coalesce(min(created_at), now()))))
    from jobs)";

constexpr const char* kPoints = R"(
  with w as (select $1::double precision as first, $2::double precision as step, to_timestamp($1::double precision) as since),
  s as (select n, to_timestamp(w.first + n * w.step) as a, to_timestamp(w.first + (n + 1) * w.step) as b
          from w, generate_series(0, $3::int - 1) n),
  o as (select floor((extract(epoch from accepted_at) - w.first) / w.step)::int as n, count(*) as frames, sum(x.seconds) as seconds
          from outputs cross join w left join lateral (
            select avg(render_seconds) / (select frames from units where id = outputs.unit) as seconds
              from results r left join audits a on a.id = r.audit
             where r.unit = outputs.unit and (r.audit is null or a.tiles = 0) and r.outcome <> 'void' and r.judged = 'agreed') x on true
         where accepted_at >= w.since group by 1),
  r as (select floor((extract(epoch from received_at) - w.first) / w.step)::int as n,
               count(*) filter (where judged = 'agreed') as agreed,
               count(*) filter (where judged in ('rejected', 'void', 'failed')) as disagreed
          from results cross join w where received_at >= w.since group by 1),
  j as (select floor((extract(epoch from finished_at) - w.first) / w.step)::int as n, count(*) as jobs
          from jobs cross join w where state = 'completed' and finished_at >= w.since group by 1),
  t as (select extract(epoch from p.leased_at)::float8 - w.first as a,
               extract(epoch from coalesce(p.ended_at, r.received_at, now()))::float8 - w.first as b, w.step
          from w, replicas p left join results r on r.lease = p.lease
         where p.leased_at >= to_timestamp($1::double precision - 86400)),
  b as (select n, sum(least(t.b, (n + 1) * t.step) - greatest(t.a, n * t.step)) as busy
          from t, generate_series(greatest(0, floor(t.a / t.step)::int), least($3::int - 1, floor(t.b / t.step)::int)) n group by n)
  select (extract(epoch from s.a) * 1000)::bigint, coalesce(j.jobs, 0), coalesce(o.frames, 0), coalesce(r.agreed, 0),
         coalesce(r.disagreed, 0), coalesce(b.busy, 0), coalesce(o.seconds, 0)
    from s left join o using (n) left join r using (n) left join j using (n) left join b using (n) order by s.n)";

constexpr const char* kNow = R"(
  select count(*), coalesce(sum(slots), 0), (select count(*) from replicas where state = 'leased')
    from agents where online)";

struct Sums {
  double jobs = 0;
  double frames = 0;
  double agreed = 0;
  double judged = 0;
  double busy_seconds = 0;
  double render_seconds = 0;
};

std::unique_ptr<wire::FigurePointT> read_point(const pg::Rows& rows, int index, Sums& sums) {
  RowReader row(rows, index);
  auto point = std::make_unique<wire::FigurePointT>();
  point->time_ms = row.number();
  point->jobs = row.count();
  point->frames = row.count();
  point->agreed = row.count();
  point->disagreed = row.count();
  point->busy_seconds = row.real();
  point->render_seconds = row.real();
  sums.jobs += point->jobs;
  sums.frames += point->frames;
  sums.agreed += point->agreed;
  sums.judged += point->agreed + point->disagreed;
  sums.busy_seconds += point->busy_seconds;
  sums.render_seconds += point->render_seconds;
  return point;
}

}  // namespace

Result<wire::FiguresT> figures_of(pg::Connection& pg, int hours) {
  auto window = pg.exec(kWindow, {hours * 3600.0, kLeastSeconds});
  if (!window) return std::unexpected(window.error());
  const double seconds = window->real(0, 1);
  const double from = window->real(0, 0) - seconds;
  auto points = pg.exec(kPoints, {from, seconds / kSteps, kSteps});
  if (!points) return std::unexpected(points.error());
  auto now = pg.exec(kNow, {});
  if (!now) return std::unexpected(now.error());
  wire::FiguresT figures;
  Sums sums;
  for (int i = 0; i < points->size(); ++i) figures.points.push_back(read_point(*points, i, sums));
  figures.from_ms = static_cast<std::uint64_t>(from * 1000);
  figures.step_seconds = seconds / kSteps;
  figures.jobs_per_hour = sums.jobs * 3600 / seconds;
  figures.frames_per_hour = sums.frames * 3600 / seconds;
  figures.consensus_rate = sums.judged > 0 ? sums.agreed / sums.judged : 0;
  figures.render_hours = sums.render_seconds / 3600;
  figures.nodes_online = static_cast<std::uint32_t>(now->integer(0, 0));
  figures.slots_online = static_cast<std::uint32_t>(now->integer(0, 1));
  figures.slots_busy = static_cast<std::uint32_t>(now->integer(0, 2));
  if (figures.slots_online > 0)
    figures.node_use = std::min(1.0, sums.busy_seconds / (figures.slots_online * seconds));
  return figures;
}

Result<wire::FiguresT> RecentFigures::get(ConnectionPool& pool, int hours) {
  const std::lock_guard lock(counting_);
  const std::string name = std::to_string(hours);
  if (auto known = recent_.find(name)) return std::move(*known);
  const auto began = std::chrono::steady_clock::now();
  auto pg = pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  auto figures = figures_of(**pg, hours);
  if (figures) recent_.keep(name, *figures, began);
  return figures;
}

}  // namespace worldshare::dispatcher
