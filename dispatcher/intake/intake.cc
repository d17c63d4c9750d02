#include "dispatcher/intake/intake.h"

#include "shared/blobs/reference_lock.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/messages/manifest.h"
#include "shared/scene/blend_file.h"
#include "shared/version.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInsertJob = R"(
  insert into jobs (id, tenant, idempotency_key, title, manifest, scene, frames_total, replicas, max_replicas,
                    frames_ordered, priority, deadline, not_before, after)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $7, $10, to_timestamp($11::bigint / 1000.0),
          to_timestamp($12::bigint / 1000.0), $13)
  on conflict (tenant, idempotency_key) do nothing)";

// Locks the tenant, so that two submissions do not both take its last place.
constexpr const char* kTenantLimit = "select max_jobs from tenants where id = $1 for no key update";
constexpr const char* kTenantJobs =
    "select count(*) from jobs where tenant = $1 and state in ('queued', 'active')";

constexpr const char* kUnknownJobs = R"(
  select x.id from unnest($1::text[]) x(id) left join jobs j on j.id = x.id and j.tenant = $2
   where j.id is null limit 1)";

constexpr const char* kHasScene = R"(
  select exists (select 1 from uploads where tenant = $1 and sha256 = $2)
      or exists (select 1 from jobs where tenant = $1 and scene = $2))";

constexpr const char* kEarlier =
    "select id, manifest = $3::jsonb from jobs where tenant = $1 and idempotency_key = $2";

pg::Param time_param(std::uint64_t unix_ms) {
  return unix_ms == 0 ? pg::Param(std::nullopt) : pg::Param(unix_ms);
}

Error scene_error(const std::string& sha256, const Error& error) {
  if (error.code != Errc::kNotFound) return error;
  return {Errc::kNotFound, "scene: not uploaded yet; PUT it to /v1/blobs/" + sha256 + " first"};
}

/// A job that was just accepted cannot be named by an older one, so dependencies never run in a
/// circle as long as a job names only jobs that are there.
Result<> check_schedule(pg::Transaction& transaction,
                        const std::string& tenant,
                        const wire::ScheduleT& schedule) {
  auto limit = transaction.exec(kTenantLimit, {tenant});
  if (!limit) return std::unexpected(limit.error());
  auto jobs = transaction.exec(kTenantJobs, {tenant});
  if (!jobs) return std::unexpected(jobs.error());
  if (jobs->integer(0, 0) > limit->integer(0, 0)) {
    return fail(Errc::kConflict,
                "tenant " + tenant + " has " + jobs->str(0, 0) +
                    " unfinished jobs with this one, more than it may; wait or cancel some");
  }
  auto unknown = transaction.exec(kUnknownJobs, {pg::array(schedule.after), tenant});
  if (!unknown) return std::unexpected(unknown.error());
  if (unknown->empty()) return {};
  return fail(Errc::kInvalid, "schedule.after: there is no job " + unknown->str(0, 0));
}

Result<Accepted> insert(pg::Connection& pg,
                        const std::string& tenant,
                        const wire::ManifestT& manifest,
                        const std::string& key,
                        const blobs::Store& store) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  const wire::ScheduleT& schedule = *manifest.schedule;
  const std::string json = messages::to_json(manifest);
  const auto frames = messages::frame_count(manifest);
  Accepted accepted{new_id(), frames, true};
  const pg::Param key_param = key.empty() ? pg::Param(std::nullopt) : pg::Param(key);
  const std::string& scene = manifest.scene->sha256;
  auto rows = transaction->exec(blobs::kLockToRefer, {pg::array(std::vector{scene})});
  if (rows) {
    rows =
        transaction->exec("insert into tenants (id) values ($1) on conflict do nothing", {tenant});
  }
  if (rows) {
    rows = transaction->exec(
        "insert into scenes (sha256, size_bytes, name, blender) values ($1, $2, $3, $4) on "
        "conflict do nothing",
        {scene, manifest.scene->size_bytes, manifest.scene->name, manifest.requirements->blender});
  }
  if (rows) {
    rows = transaction->exec(kInsertJob,
                             {accepted.job, tenant, key_param, manifest.title, json, scene, frames,
                              int{manifest.policy->replicas}, int{manifest.policy->max_replicas},
                              int{schedule.priority}, time_param(schedule.deadline_ms),
                              time_param(schedule.not_before_ms), pg::array(schedule.after)});
  }
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0) {
    auto earlier = transaction->exec(kEarlier, {tenant, key, json});
    if (!earlier) return std::unexpected(earlier.error());
    if (earlier->empty() || !earlier->boolean(0, 1)) {
      return fail(Errc::kConflict,
                  "Idempotency-Key: was used for another manifest; choose a new one");
    }
    return Accepted{earlier->str(0, 0), frames, false};
  }
  if (auto ok = check_schedule(*transaction, tenant, schedule); !ok)
    return std::unexpected(ok.error());
  // From here on it stays; it may have been collected since it was looked into.
  if (const auto there = store.size(scene); !there)
    return std::unexpected(scene_error(scene, there.error()));
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return accepted;
}

}  // namespace

Intake::Intake(const Config& config, blobs::Store store, nats::Connection& nats)
    : config_(config), store_(std::move(store)), nats_(nats) {}

Result<std::string> Intake::check_scene(pg::Connection& pg,
                                        const std::string& tenant,
                                        const wire::SceneRefT& scene) const {
  auto known = pg.exec(kHasScene, {tenant, scene.sha256});
  if (!known) return std::unexpected(known.error());
  // Whoever knows a hash only shall not learn whether somebody else has such a scene.
  if (!known->boolean(0, 0))
    return std::unexpected(scene_error(scene.sha256, {Errc::kNotFound, ""}));
  const auto size = store_.size(scene.sha256);
  if (!size) return std::unexpected(scene_error(scene.sha256, size.error()));
  if (*size != scene.size_bytes) {
    return fail(Errc::kInvalid,
                "scene.size_bytes: the uploaded file has " + std::to_string(*size) + " bytes");
  }
  const auto blob = store_.file(scene.sha256);
  if (!blob) return std::unexpected(scene_error(scene.sha256, blob.error()));
  auto file = scene::check_blend_file(*blob, config_.scene_limit_plain_bytes);
  if (!file) return fail(Errc::kInvalid, "scene: " + file.error().message);
  return file->version;
}

Result<Accepted> Intake::submit(pg::Connection& pg,
                                const std::string& tenant,
                                const std::string& json,
                                const std::string& idempotency_key) const {
  if (idempotency_key.size() > 200 ||
      messages::clean_text(idempotency_key, 200) != idempotency_key) {
    return fail(Errc::kInvalid, "Idempotency-Key: at most 200 bytes of plain text");
  }
  messages::ManifestLimits limits;
  limits.scene_bytes = config_.scene_limit_bytes;
  auto manifest = messages::parse_manifest(json, limits);
  if (!manifest) return std::unexpected(manifest.error());
  auto version = check_scene(pg, tenant, *manifest->scene);
  if (!version) return std::unexpected(version.error());
  auto& needs = manifest->requirements->blender;
  if (needs.empty() || !version_at_least(needs, *version)) needs = *version;
  auto accepted = insert(pg, tenant, *manifest, idempotency_key, store_);
  if (!accepted || !accepted->is_new) return accepted;
  spdlog::info("job accepted job={} frames={} scene={}", accepted->job, accepted->frames,
               manifest->scene->sha256);
  wire::EventT event;
  event.job = accepted->job;
  event.kind = wire::EventKind::job_accepted;
  event.message = manifest->title;
  const auto stored = nats_.publish_stored(
      "jobs.submit." + tenant, messages::encode(event), "job-" + accepted->job,
      "job " + accepted->job + ", " + std::to_string(accepted->frames) + " frames", 2000ms);
  // The economy looks at the table by itself every few seconds.
  if (!stored)
    spdlog::warn("job notice not sent job={} error=\"{}\"", accepted->job, stored.error().message);
  return accepted;
}

}  // namespace worldshare::dispatcher
