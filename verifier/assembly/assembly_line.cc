#include "verifier/assembly/assembly_line.h"

#include <spdlog/spdlog.h>

#include "shared/blobs/reference_lock.h"
#include "shared/messages/messages.h"
#include "shared/sharding/division.h"

namespace worldshare::verifier {
namespace {

constexpr std::size_t kReasonBytes = 1000;

// The row stays locked while its frame is made, so that nobody else takes it; who dies lets it go.
constexpr const char* kTake = R"(
  select a.job, a.frame, j.scene, j.manifest::text
    from assemblies a join jobs j on j.id = a.job
   where a.state = 'waiting' and a.due_at <= now() and j.state in ('queued', 'active')
     and not exists (
       select from units u where u.job = a.job and u.frame = a.frame and u.state <> 'replaced'
        group by u.job having max(u.parts) <> (
          select coalesce(sum(case when p.split then p.parts else 1 end), 0)
            from units p join verdicts v on v.unit = p.id and v.decision = 'accepted'
           where p.job = a.job and p.frame = a.frame and p.state <> 'replaced'))
   order by a.due_at limit 1 for update of a skip locked)";

// Such a frame is not asked for any more, unless all of its parts are.
constexpr const char* kGiveUp = R"(
  update assemblies a set state = 'failed', error = 'a part of the frame failed', finished_at = clock_timestamp()
   where a.state = 'waiting'
     and exists (select from units u where u.job = a.job and u.frame = a.frame and u.state in ('failed', 'cancelled')))";

constexpr const char* kParts = R"(
  select u.id, u.shard, coalesce(m.artifact, v.artifact), m.half
    from units u join verdicts v on v.unit = u.id and v.decision = 'accepted' left join merges m on m.unit = u.id
   where u.job = $1 and u.frame = $2 and u.state <> 'replaced' order by u.id, m.half)";

constexpr const char* kAddOutput = R"(
  insert into outputs (unit, job, frame, artifact, size_bytes) values ($1, $2, $3, $4, $5)
  on conflict do nothing)";

constexpr const char* kMade = R"(
  update assemblies set state = 'made', error = '', tries = tries + 1, finished_at = clock_timestamp()
   where job = $1 and frame = $2)";

constexpr const char* kFailed = R"(
  update assemblies set state = 'failed', error = $3, tries = tries + 1, finished_at = clock_timestamp()
   where job = $1 and frame = $2)";

// What crashes for the fifth time would do so for ever, and keep other frames waiting.
constexpr const char* kCrashed = R"(
  update assemblies
     set error = $3, tries = tries + 1, crashes = crashes + 1,
         state = case when crashes < 4 then 'waiting' else 'failed' end,
         finished_at = case when crashes < 4 then finished_at else clock_timestamp() end,
         due_at = clock_timestamp() + least(600, 2 ^ least(tries, 10)) * interval '1 second'
   where job = $1 and frame = $2)";

constexpr const char* kLater = R"(
  update assemblies set error = $3, tries = tries + 1,
         due_at = clock_timestamp() + least(600, 2 ^ least(tries, 10)) * interval '1 second'
   where job = $1 and frame = $2)";

}  // namespace

Result<std::optional<AssemblyLine::Order>> AssemblyLine::take(pg::Transaction& transaction) {
  const auto rows = transaction.exec(kTake);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  Order out;
  out.job = rows->str(0, 0);
  out.frame = static_cast<std::int32_t>(rows->integer(0, 1));
  out.parts.scene = rows->str(0, 2);
  const auto manifest = messages::parse_json<wire::ManifestT>(rows->text(0, 3));
  if (!manifest || !manifest->output) {
    return fail(Errc::kInternal, "the stored manifest of job " + out.job + " cannot be read");
  }
  out.parts.output = *manifest->output;
  const std::uint32_t samples = manifest->sharding ? manifest->sharding->samples : 0;
  if (auto ok = load_parts(transaction, out, samples); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> AssemblyLine::load_parts(pg::Transaction& transaction,
                                  Order& order,
                                  std::uint32_t samples) {
  const auto rows = transaction.exec(kParts, {order.job, order.frame});
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    auto shard =
        rows->is_null(row, 3)
            ? messages::parse_shard(rows->text(row, 1))
            : sharding::half_of(messages::Shard{order.frame},
                                static_cast<std::uint32_t>(rows->integer(row, 3)), samples);
    if (!shard) return fail(Errc::kInternal, "job " + order.job + ": " + shard.error().message);
    if (row == 0) order.unit = rows->integer(row, 0);
    order.parts.parts.push_back({*shard, rows->str(row, 2)});
  }
  return {};
}

Result<> AssemblyLine::record(pg::Transaction& transaction,
                              const Order& order,
                              const Result<StoredImage>& image) {
  if (image) {
    // One that was there before this try may have been collected meanwhile.
    auto locked = transaction.run(blobs::kLockToRefer, {pg::array(std::vector{image->sha256})});
    if (!locked) return locked;
    if (!assembler_.holds(*image)) {
      return transaction.run(
          kLater, {order.job, order.frame, "the blob store does not have the image any more"});
    }
    auto added = transaction.run(
        kAddOutput, {order.unit, order.job, order.frame, image->sha256, image->size_bytes});
    return added ? transaction.run(kMade, {order.job, order.frame}) : added;
  }
  const std::string reason = messages::clean_text(image.error().message, kReasonBytes);
  const Errc code = image.error().code;
  const char* sql = is_final(code) ? kFailed : code == Errc::kInternal ? kCrashed : kLater;
  return transaction.run(sql, {order.job, order.frame, reason});
}

Result<bool> AssemblyLine::do_next(const std::stop_token& stop) {
  auto transaction = pg::Transaction::begin(database_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto order = take(*transaction);
  if (!order) return std::unexpected(order.error());
  if (!*order) return false;
  const auto image = assembler_.make_frame((*order)->parts, stop);
  if (!image && stop.stop_requested()) return false;
  if (image) {
    spdlog::info("frame is assembled job={} frame={} parts={} artifact={}", (*order)->job,
                 (*order)->frame, (*order)->parts.parts.size(), image->sha256);
  } else {
    spdlog::warn("frame is not assembled job={} frame={} reason=\"{}\"", (*order)->job,
                 (*order)->frame, image.error().message);
  }
  if (auto ok = record(*transaction, **order, image); !ok) return std::unexpected(ok.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return true;
}

Result<> AssemblyLine::when_idle() {
  if (auto rows = database_.exec(kGiveUp); !rows) return std::unexpected(rows.error());
  return {};
}

}  // namespace worldshare::verifier
