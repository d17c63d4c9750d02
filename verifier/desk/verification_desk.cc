#include "verifier/desk/verification_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "shared/blobs/reference_lock.h"
#include "shared/crypto.h"
#include "shared/messages/messages.h"

namespace worldshare::verifier {
namespace {

constexpr std::size_t kDeskReasonBytes = 1000;

// The row stays locked while its pictures are compared; who dies lets it go.
constexpr const char* kTakeRequest = R"(
  select v.id, v.same_class,
         (select array_to_string(array_agg(sha256 order by place), E'\n') from verification_pictures where verification = v.id)
    from verifications v where v.state = 'waiting' and v.due_at <= now()
   order by v.due_at limit 1 for update of v skip locked)";

constexpr const char* kAddComparedPair = R"(
  insert into verification_pairs (verification, a, b, method, agree, psnr_db, ssim, worst_block_psnr_db, lpips, heat_map, heat_map_bytes)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11))";

constexpr const char* kRequestDone = R"(
  update verifications set state = 'done', agreed = $2, reason = $3, tries = tries + 1, finished_at = clock_timestamp()
   where id = $1)";

constexpr const char* kRequestFailed = R"(
  update verifications set state = 'failed', reason = $2, tries = tries + 1, finished_at = clock_timestamp() where id = $1)";

constexpr const char* kRequestLater = R"(
  update verifications set reason = $2, tries = tries + 1,
         due_at = clock_timestamp() + least(600, 2 ^ least(tries, 10)) * interval '1 second'
   where id = $1)";

pg::Param optional(const std::optional<double>& value) {
  return value ? pg::Param(*value) : pg::Param(std::nullopt);
}

}  // namespace

const Tolerance& VerificationDesk::tolerance_of(const Request& request) const {
  return request.same_class ? tolerances_.same_class : tolerances_.other_class;
}

Result<std::optional<VerificationDesk::Request>> VerificationDesk::take(
    pg::Transaction& transaction) {
  const auto rows = transaction.exec(kTakeRequest);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return Request{rows->str(0, 0), rows->boolean(0, 1), rows->list(0, 2)};
}

Result<> VerificationDesk::add_pair(pg::Transaction& transaction,
                                    const std::string& request,
                                    const ComparedPair& pair) {
  pg::Param map = std::nullopt;
  pg::Param map_bytes = std::nullopt;
  if (!pair.heat_map.empty()) {
    // Under the lock it stays when it is there, and is written when it was collected.
    const std::string name = to_hex(sha256(pair.heat_map));
    auto locked = transaction.run(blobs::kLockToRefer, {pg::array(std::vector{name})});
    if (!locked) return locked;
    if (auto ok = tools_.store.keep(name, pair.heat_map); !ok) return ok;
    map = name;
    map_bytes = pair.heat_map.size();
  }
  const auto& found = pair.comparison;
  return transaction.run(
      kAddComparedPair,
      {request, pair.a, pair.b, to_string(found.method), found.agree, optional(found.psnr_db),
       optional(found.ssim), optional(found.worst_block_psnr_db), optional(found.lpips), map,
       map_bytes});
}

Result<> VerificationDesk::record(pg::Transaction& transaction,
                                  const Request& request,
                                  const Result<std::vector<ComparedPair>>& pairs) {
  if (!pairs) {
    const std::string reason = messages::clean_text(pairs.error().message, kDeskReasonBytes);
    return transaction.run(is_final(pairs.error().code) ? kRequestFailed : kRequestLater,
                           {request.id, reason});
  }
  for (const auto& pair : *pairs) {
    if (auto ok = add_pair(transaction, request.id, pair); !ok) return ok;
  }
  const bool agreed =
      std::ranges::all_of(*pairs, [](const auto& pair) { return pair.comparison.agree; });
  return transaction.run(kRequestDone,
                         {request.id, agreed, sentence_of(*pairs, tolerance_of(request))});
}

Result<bool> VerificationDesk::do_next(const std::stop_token& /*stop*/) {
  auto transaction = pg::Transaction::begin(database_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto request = take(*transaction);
  if (!request) return std::unexpected(request.error());
  if (!*request) return false;
  const auto pairs = compare_all((*request)->artifacts, tolerance_of(**request), limits_, tools_);
  if (pairs) {
    spdlog::info("pictures are compared verification={} pairs={}", (*request)->id, pairs->size());
  } else {
    spdlog::warn("pictures are not compared verification={} reason=\"{}\"", (*request)->id,
                 pairs.error().message);
  }
  if (auto ok = record(*transaction, **request, pairs); !ok) return std::unexpected(ok.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return true;
}

}  // namespace worldshare::verifier
