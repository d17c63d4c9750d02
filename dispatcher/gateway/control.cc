#include "dispatcher/gateway/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dispatcher/gateway/status.h"
#include "dispatcher/nodes/enrolment.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::int64_t kMaxFirstFrames = 1'000;

// Whoever changes a job locks its row before those of its units.
constexpr const char* kLock = R"(
  select state, manifest::text, coalesce(array_length(first_frames, 1), 0) from jobs
   where id = $1 and ($2 = '' or tenant = $2) for no key update)";

constexpr const char* kTouch = "update jobs set changed_at = clock_timestamp() where id = $1";
constexpr const char* kPause = "update jobs set paused = $2 where id = $1";
constexpr const char* kPriority = "update jobs set priority = $2 where id = $1";

constexpr const char* kCancel =
    "update jobs set state = 'cancelled', paused = false, finished_at = now() where id = $1";
constexpr const char* kCancelLeases = R"(
  update replicas p set state = 'expired', ended_at = now() from units u
   where u.job = $1 and u.state = 'open' and p.unit = u.id and p.state = 'leased')";
constexpr const char* kCancelUnits = R"(
  update units set state = 'cancelled', reason = 'the job was cancelled', finished_at = now()
   where job = $1 and state = 'open')";

constexpr const char* kReopenDivided =
    "update divided_frames set state = 'open' where job = $1 and state = 'failed' returning frame";
constexpr const char* kReplace = R"(
  update units set state = 'replaced'
   where job = $1 and (state = 'failed' or (frame = any($2) and state <> 'replaced')) returning frame, shard, parts, split)";
constexpr const char* kRemake = R"(
  insert into units (job, frame, shard, parts, split, replicas_wanted)
  select $1, f, s, p, h, j.replicas
    from unnest($2::integer[], $3::text[], $4::integer[], $5::bool[]) x(f, s, p, h), jobs j where j.id = $1)";
constexpr const char* kReopen = R"(
  update jobs set state = 'active', finished_at = null, frames_failed = frames_failed - $2 where id = $1)";

constexpr const char* kExtendRange = R"(
  update jobs set manifest = jsonb_set(manifest, '{frames,last}', to_jsonb($2::integer)), frames_total = $3
   where id = $1)";

constexpr const char* kUnitOf = "select u.state from units u where " WS_UNITS_OF_FRAME
                                " order by u.state = 'open' desc limit 1";
constexpr const char* kFirst = R"(
  update jobs set first_frames = $2::integer || array_remove(first_frames, $2::integer) where id = $1)";

/// A job whose row is locked.
struct Locked {
  std::string id;
  std::string state;
  wire::ManifestT manifest;
  std::int64_t first_frames = 0;
  bool live() const { return state == "queued" || state == "active"; }
};

using Changed = Result<std::uint32_t>;

Changed run(pg::Transaction& transaction,
            const char* sql,
            std::initializer_list<pg::Param> params,
            std::uint32_t changed = 0) {
  auto rows = transaction.exec(sql, params);
  if (!rows) return std::unexpected(rows.error());
  return changed;
}

Changed cancel(pg::Transaction& transaction, const Locked& job) {
  auto done = run(transaction, kCancel, {job.id});
  if (done) done = run(transaction, kCancelLeases, {job.id});
  if (!done) return done;
  auto units = transaction.exec(kCancelUnits, {job.id});
  if (!units) return std::unexpected(units.error());
  return static_cast<std::uint32_t>(units->affected());
}

Changed requeue(pg::Transaction& transaction, const Locked& job) {
  auto divided = transaction.exec(kReopenDivided, {job.id});
  if (!divided) return std::unexpected(divided.error());
  std::vector<std::int64_t> frames;
  for (int i = 0; i < divided->size(); ++i) frames.push_back(divided->integer(i, 0));
  auto replaced = transaction.exec(kReplace, {job.id, pg::array(frames)});
  if (!replaced) return std::unexpected(replaced.error());
  if (replaced->empty()) return 0;
  std::vector<std::string> shards;
  std::vector<std::int64_t> parts;
  std::vector<std::string> split;
  frames.clear();
  for (int i = 0; i < replaced->size(); ++i) {
    frames.push_back(replaced->integer(i, 0));
    shards.push_back(replaced->str(i, 1));
    parts.push_back(replaced->integer(i, 2));
    split.emplace_back(replaced->boolean(i, 3) ? "t" : "f");
  }
  auto done =
      run(transaction, kRemake,
          {job.id, pg::array(frames), pg::array(shards), pg::array(parts), pg::array(split)});
  if (!done) return done;
  const auto count =
      static_cast<std::uint32_t>(std::set<std::int64_t>(frames.begin(), frames.end()).size());
  return run(transaction, kReopen, {job.id, count}, count);
}

Changed extend(pg::Transaction& transaction, Locked& job, const wire::JobControlT& control) {
  if (!control.last) return fail(Errc::kInvalid, "last: missing; the new last frame");
  auto& frames = *job.manifest.frames;
  const std::uint32_t before = messages::frame_count(job.manifest);
  if (*control.last <= *frames.last) {
    return fail(Errc::kInvalid, "last: must be beyond " + std::to_string(*frames.last) +
                                    "; a range only grows at its end");
  }
  frames.last = control.last;
  if (auto ok = messages::check(job.manifest); !ok) return std::unexpected(ok.error());
  const std::uint32_t after = messages::frame_count(job.manifest);
  return run(transaction, kExtendRange, {job.id, *control.last, after}, after - before);
}

Changed first(pg::Transaction& transaction, const Locked& job, const wire::JobControlT& control) {
  if (!control.frame) return fail(Errc::kInvalid, "frame: missing; the frame that is wanted now");
  const auto& range = *job.manifest.frames;
  const std::int32_t frame = *control.frame;
  if (frame < *range.first || frame > *range.last || (frame - *range.first) % range.step != 0)
    return fail(Errc::kInvalid, fmt::format("frame: {} is not part of this job", frame));
  auto unit = transaction.exec(kUnitOf, {job.id, frame});
  if (!unit) return std::unexpected(unit.error());
  if (!unit->empty() && unit->text(0, 0) != "open")
    return fail(Errc::kConflict, fmt::format("frame {} is {}", frame, unit->str(0, 0)));
  if (!unit->empty()) return 1;  // the economy prefers it when it hears of it
  if (job.first_frames >= kMaxFirstFrames)
    return fail(Errc::kConflict,
                fmt::format("{} frames are wanted first already", kMaxFirstFrames));
  return run(transaction, kFirst, {job.id, frame}, 1);
}

Changed apply(pg::Transaction& transaction, Locked& job, const wire::JobControlT& control) {
  using enum wire::ControlAction;
  if (control.action == none) {
    return fail(Errc::kInvalid,
                "action: must be pause, resume, cancel, priority, requeue, extend or first");
  }
  if (!job.live() && control.action != requeue &&
      !(control.action == cancel && job.state == "cancelled"))
    return fail(Errc::kConflict, "the job is " + job.state + " already");
  if (job.state == "cancelled" && control.action == requeue)
    return fail(Errc::kConflict, "the job was cancelled; submit it again");
  switch (control.action) {
    case none: break;
    case pause: return run(transaction, kPause, {job.id, true});
    case resume: return run(transaction, kPause, {job.id, false});
    case cancel: return job.live() ? dispatcher::cancel(transaction, job) : Changed(0);
    case requeue: return dispatcher::requeue(transaction, job);
    case extend: return dispatcher::extend(transaction, job, control);
    case first: return dispatcher::first(transaction, job, control);
    case priority:
      if (!control.priority || *control.priority > 100)
        return fail(Errc::kInvalid, "priority: must be given, 0 to 100");
      return run(transaction, kPriority, {job.id, int{*control.priority}});
  }
  return 0;
}

}  // namespace

Result<wire::ControlDoneT> control_job(pg::Connection& pg,
                                       const std::string& tenant,
                                       const std::string& id,
                                       const wire::JobControlT& control) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(kLock, {id, tenant});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(Errc::kNotFound, "there is no job " + messages::clean_text(id, 64));
  auto manifest = messages::parse_manifest(rows->text(0, 1));
  if (!manifest) return std::unexpected(manifest.error());
  Locked job{id, rows->str(0, 0), std::move(*manifest), rows->integer(0, 2)};
  auto changed = apply(*transaction, job, control);
  if (changed) rows = transaction->exec(kTouch, {id});
  if (!changed) return std::unexpected(changed.error());
  auto state = transaction->exec(
      "select case when paused then 'paused' else state end from jobs where id = $1", {id});
  if (!state) return std::unexpected(state.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  wire::ControlDoneT done;
  done.job = id;
  done.state = state->str(0, 0);
  done.changed = *changed;
  return done;
}

Result<> control_node(pg::Connection& pg,
                      const std::string& agent,
                      const wire::NodeControlT& control) {
  if (auto ok = messages::check_texts("labels", control.labels, messages::kMaxLabels,
                                      messages::kMaxLabelBytes);
      !ok)
    return ok;
  const char* standing = nullptr;
  switch (control.action) {
    case wire::NodeAction::none:
      return fail(Errc::kInvalid, "action: must be enable, drain, disable, label or revoke");
    case wire::NodeAction::enable: standing = "enabled"; break;
    case wire::NodeAction::drain: standing = "drained"; break;
    case wire::NodeAction::disable: standing = "disabled"; break;
    case wire::NodeAction::label: break;
    case wire::NodeAction::revoke: return revoke(pg, agent, control.reason);
  }
  const std::string reason =
      control.action == wire::NodeAction::enable ? "" : messages::clean_text(control.reason, 500);
  auto rows =
      standing == nullptr
          ? pg.exec("update agents set labels = $2, changed_at = clock_timestamp() where id = $1",
                    {agent, pg::array(control.labels)})
          : pg.exec(
                "update agents set standing = $2, standing_reason = $3, changed_at = "
                "clock_timestamp() where id = $1",
                {agent, standing, reason});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0)
    return fail(Errc::kNotFound, "there is no agent " + messages::clean_text(agent, 64));
  return {};
}

}  // namespace worldshare::dispatcher
