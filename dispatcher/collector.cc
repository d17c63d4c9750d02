#include "dispatcher/collector.h"

#include "shared/blobs/reference_lock.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kListed = 1000;
constexpr std::size_t kRemovedAtOnce = 100;
constexpr int kListsAtOnce = 10;
constexpr auto kLeftoversEvery = 1h;
// A result waits in the stream for seven days, and what was handed in for it with it.
constexpr auto kLeftoversKept = 8 * 24h;

// What indexes tell; most blobs are found here.
constexpr const char* kNotReferred = R"(
  select x from unnest($1::text[]) x
   where not exists (select from scenes where sha256 = x)
     and not exists (select from results where hashtextextended(artifact, 0) = hashtextextended(x, 0) and artifact = x)
     and not exists (select from outputs where hashtextextended(artifact, 0) = hashtextextended(x, 0) and artifact = x)
     and not exists (select from verification_pictures where sha256 = x)
     and not exists (select from verification_pairs where heat_map = x)
     and not exists (select from uploads where sha256 = x and uploaded_at > now() - $2 * interval '1 second'))";

// Commitments have no index, since their rows are hot: one look through the last 30 days for all.
// An older lease cannot commit any more (nodes/rpc.cc).
constexpr const char* kNotCommitted = R"(
  select x from unnest($1::text[]) x
   where x not in (select committed_sha256 from replicas
                    where committed_sha256 = any($1) and leased_at > now() - interval '30 days'))";

constexpr const char* kStillLeads = "select 1 from leadership where epoch = $1 for share";
// Their pictures and heat maps are referred to by nobody then.
constexpr const char* kForgetVerifications =
    "delete from verifications where finished_at < now() - interval '30 days'";
constexpr const char* kForget = "delete from uploads where sha256 = any($1)";

std::vector<std::string> names_of(const pg::Rows& rows) {
  std::vector<std::string> out;
  for (int row = 0; row < rows.size(); ++row) out.push_back(rows.str(row, 0));
  return out;
}

}  // namespace

void Collector::run(std::stop_token stop) {
  bool troubled = false;
  while (sleep_unless_stopped(stop, config_.collect_every)) {
    if (!board_.leads()) continue;
    Result<bool> looked = false;
    for (int i = 0; i < kListsAtOnce && looked && !*looked && !stop.stop_requested(); ++i)
      looked = look_on();
    Result<> outcome = looked ? drop_leftovers() : std::unexpected(looked.error());
    if (!outcome) board_.add({.failures = 1});
    if (!outcome && !troubled)
      spdlog::warn("blobs cannot be collected now reason=\"{}\"", outcome.error().message);
    troubled = !outcome;
  }
}

Result<bool> Collector::look_on() {
  const auto listed = store_.list(after_, kListed);
  if (!listed) return std::unexpected(listed.error());
  const auto limit = clock_.now() - config_.blob_grace;
  std::vector<std::string> old;
  for (const auto& blob : *listed) {
    if (blob.stored_at < limit) old.push_back(blob.sha256);
  }
  const auto rows = pg_.exec(
      kNotReferred, {pg::array(old), static_cast<double>(config_.blob_grace.count()) / 1000});
  if (!rows) return std::unexpected(rows.error());
  const auto names = names_of(*rows);
  for (std::size_t i = 0; i < names.size(); i += kRemovedAtOnce) {
    const auto end = std::min(i + kRemovedAtOnce, names.size());
    auto removed = remove({names.begin() + static_cast<std::ptrdiff_t>(i),
                           names.begin() + static_cast<std::ptrdiff_t>(end)});
    if (!removed) return std::unexpected(removed.error());
  }
  const bool last = listed->empty();
  after_ = last ? std::string() : listed->back().sha256;
  if (last) board_.add({.sweeps = 1});
  return last;
}

/// Under the names' locks nobody can begin to refer to them: what has no row now gets none.
Result<> Collector::remove(const std::vector<std::string>& names) {
  auto transaction = pg::Transaction::begin(pg_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto leads = transaction->exec(kStillLeads, {board_.read().figures.epoch});
  if (!leads) return std::unexpected(leads.error());
  if (leads->empty()) return fail(Errc::kUnavailable, "another dispatcher leads now");
  auto rows = transaction->exec(blobs::kLockToRemove, {pg::array(names)});
  if (rows) {
    rows = transaction->exec(
        kNotReferred, {pg::array(names), static_cast<double>(config_.blob_grace.count()) / 1000});
  }
  if (rows) rows = transaction->exec(kNotCommitted, {pg::array(names_of(*rows))});
  if (!rows) return std::unexpected(rows.error());
  const auto limit = clock_.now() - config_.blob_grace;
  std::vector<std::string> gone;
  Result<> outcome;
  Collected collected;
  for (const auto& name : names_of(*rows)) {
    const auto blob = store_.stat(name);
    if (!blob || blob->stored_at >= limit) continue;  // it was put again
    outcome = store_.remove(name);
    if (!outcome) break;
    gone.push_back(name);
    ++collected.blobs;
    collected.bytes += blob->size_bytes;
    spdlog::info("blob is collected sha256={} size_bytes={}", name, blob->size_bytes);
  }
  auto forgotten = transaction->exec(kForget, {pg::array(gone)});
  if (!forgotten) return std::unexpected(forgotten.error());
  if (auto ok = transaction->commit(); !ok) return ok;
  board_.add(collected);
  return outcome;
}

Result<> Collector::drop_leftovers() {
  const auto now = std::chrono::steady_clock::now();
  if (now < leftovers_due_) return {};
  if (auto rows = pg_.exec(kForgetVerifications); !rows) return std::unexpected(rows.error());
  const auto dropped = store_.drop_leftovers(clock_.now() - kLeftoversKept);
  if (!dropped) return std::unexpected(dropped.error());
  leftovers_due_ = now + kLeftoversEvery;
  board_.add({.leftovers = *dropped});
  if (*dropped > 0) spdlog::info("unfinished uploads are dropped count={}", *dropped);
  return {};
}

}  // namespace worldshare::dispatcher
