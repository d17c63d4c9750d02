#include "dispatcher/gateway/verifications.h"

#include <map>

#include "dispatcher/gateway/row_reader.h"
#include "dispatcher/gateway/status.h"
#include "shared/blobs/reference_lock.h"
#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kFewestPictures = 2;
constexpr std::size_t kMostPictures = 5;
constexpr std::size_t kTitleBytes = 200;
constexpr int kMostWaiting = 100;

constexpr const char* kAddItsTenant = "insert into tenants (id) values ($1) on conflict do nothing";
// Two requests do not both take the last place.
constexpr const char* kWaitingOfTenant = R"(
  select count(v.id) from (select id from tenants where id = $1 for no key update) t
    left join verifications v on v.tenant = t.id and v.state = 'waiting')";

constexpr const char* kAddVerification = R"(
  with one as (
    insert into verifications (id, tenant, idempotency_key, title, same_class) values ($1, $2, $3, $4, $5)
    on conflict (tenant, idempotency_key) do nothing returning id)
  insert into verification_pictures (verification, place, sha256)
    select one.id, p.place, p.sha256 from one, unnest($6::text[]) with ordinality p (sha256, place))";

constexpr const char* kEarlierRequest = R"(
  select v.id, v.title = $3 and v.same_class = $4 and $5::text[] =
         (select array_agg(sha256 order by place) from verification_pictures where verification = v.id)
    from verifications v where v.tenant = $1 and v.idempotency_key = $2)";

const std::string kVerifications = R"(
  select v.id, v.title, v.state, v.same_class, v.agreed, case when v.state = 'waiting' then '' else v.reason end,
         (extract(epoch from v.submitted_at) * 1000)::bigint, coalesce((extract(epoch from v.finished_at) * 1000)::bigint, 0),
         (select array_to_string(array_agg(sha256 order by place), E'\n') from verification_pictures where verification = v.id),
         (extract(epoch from v.submitted_at) * 1000000)::bigint
    from verifications v where ($1 = '' or v.tenant = $1) and )";

const std::string kOneVerification = kVerifications + "v.id = $2";

const std::string kPageOfVerifications = kVerifications + R"(
         ($2::bigint is null or (v.submitted_at, v.id) < ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3))
   order by v.submitted_at desc, v.id desc limit $4)";

constexpr const char* kPairsOfThem = R"(
  select verification, a, b, method, agree, psnr_db, ssim, worst_block_psnr_db, lpips, coalesce(heat_map, ''),
         coalesce(heat_map_bytes, 0)
    from verification_pairs where verification = any($1) order by verification, a, b)";

/// What can be known without the tables.
Result<> check_request(const wire::VerificationRequestT& request, const std::string& key) {
  const auto& artifacts = request.artifacts;
  if (artifacts.size() < kFewestPictures || artifacts.size() > kMostPictures)
    return fail(Errc::kInvalid, "artifacts: must name 2 to 5 pictures");
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    if (!is_sha256_hex(artifacts[i])) {
      return fail(Errc::kInvalid,
                  "artifacts[" + std::to_string(i) + "]: must be a SHA-256 in small hex digits");
    }
  }
  if (messages::clean_text(request.title, kTitleBytes) != request.title)
    return fail(Errc::kInvalid, "title: at most 200 bytes of plain text");
  if (messages::clean_text(key, kTitleBytes) != key)
    return fail(Errc::kInvalid, "Idempotency-Key: at most 200 bytes of plain text");
  return {};
}

Error not_there(std::size_t place, const std::string& sha256) {
  return {Errc::kNotFound, "artifacts[" + std::to_string(place) +
                               "]: there is no such blob of yours; PUT it to /v1/blobs/" + sha256 +
                               " first"};
}

Result<> check_readable(pg::Connection& pg,
                        const std::string& tenant,
                        const std::vector<std::string>& artifacts) {
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    const auto readable = is_readable(pg, tenant, artifacts[i]);
    if (!readable) return std::unexpected(readable.error());
    if (!*readable) return std::unexpected(not_there(i, artifacts[i]));
  }
  return {};
}

/// They may have been collected since they were sent; from here on they stay.
Result<> check_stored(const blobs::Store& store, const std::vector<std::string>& artifacts) {
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    const auto size = store.size(artifacts[i]);
    if (size) continue;
    if (size.error().code == Errc::kNotFound) return std::unexpected(not_there(i, artifacts[i]));
    return std::unexpected(size.error());
  }
  return {};
}

Result<> check_place(pg::Transaction& transaction, const std::string& tenant) {
  if (auto ok = transaction.run(kAddItsTenant, {tenant}); !ok) return ok;
  const auto waiting = transaction.exec(kWaitingOfTenant, {tenant});
  if (!waiting) return std::unexpected(waiting.error());
  if (waiting->integer(0, 0) < kMostWaiting) return {};
  return fail(Errc::kConflict,
              "tenant " + tenant + " has 100 verifications waiting; come back when some are done");
}

std::vector<std::string> read_verification(RowReader& row, wire::VerificationT& line) {
  line.id = row.text();
  line.title = row.text();
  line.state = row.text();
  line.same_class = row.boolean();
  line.agreed = row.boolean();
  line.reason = row.text();
  line.submitted_ms = row.number();
  line.finished_ms = row.number();
  line.artifacts = row.list();
  return {row.text(), line.id};
}

std::unique_ptr<wire::VerificationPairT> read_pair(RowReader& row, const UrlFor& url_for) {
  auto pair = std::make_unique<wire::VerificationPairT>();
  pair->a = row.count();
  pair->b = row.count();
  pair->method = row.text();
  pair->agree = row.boolean();
  if (const auto psnr = row.optional_real()) pair->psnr_db = *psnr;
  if (const auto ssim = row.optional_real()) pair->ssim = *ssim;
  if (const auto worst = row.optional_real()) pair->worst_block_psnr_db = *worst;
  if (const auto lpips = row.optional_real()) pair->lpips = *lpips;
  const std::string map = row.text();
  if (!map.empty()) pair->heat_map = url_for(map, row.number());
  return pair;
}

Result<> add_pairs(pg::Connection& pg, const UrlFor& url_for, wire::VerificationListT& list) {
  std::map<std::string, wire::VerificationT*> by_id;
  std::vector<std::string> ids;
  for (const auto& one : list.verifications) {
    ids.push_back(one->id);
    by_id.emplace(one->id, one.get());
  }
  const auto rows = pg.exec(kPairsOfThem, {pg::array(ids)});
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) {
    RowReader row(*rows, i);
    auto& one = *by_id.at(row.text());
    one.pairs.push_back(read_pair(row, url_for));
  }
  return {};
}

Result<wire::VerificationListT> read_list(pg::Connection& pg,
                                          const pg::Rows& rows,
                                          const Page& page,
                                          const UrlFor& url_for) {
  wire::VerificationListT list;
  fill_lines<wire::VerificationT>(rows, page, list.verifications, list.next, read_verification);
  if (auto ok = add_pairs(pg, url_for, list); !ok) return std::unexpected(ok.error());
  return list;
}

}  // namespace

Result<std::string> ask_verification(pg::Connection& pg,
                                     const std::string& tenant,
                                     const std::string& tenant_seen,
                                     const wire::VerificationRequestT& request,
                                     const std::string& idempotency_key,
                                     const blobs::Store& store) {
  const auto& artifacts = request.artifacts;
  if (auto ok = check_request(request, idempotency_key); !ok) return std::unexpected(ok.error());
  if (auto ok = check_readable(pg, tenant_seen, artifacts); !ok) return std::unexpected(ok.error());
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(blobs::kLockToRefer, {pg::array(artifacts)});
  if (!rows) return std::unexpected(rows.error());
  if (auto ok = check_place(*transaction, tenant); !ok) return std::unexpected(ok.error());
  const std::string id = new_id();
  const pg::Param key =
      idempotency_key.empty() ? pg::Param(std::nullopt) : pg::Param(idempotency_key);
  rows = transaction->exec(
      kAddVerification, {id, tenant, key, request.title, request.same_class, pg::array(artifacts)});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0) {
    const auto earlier = transaction->exec(
        kEarlierRequest, {tenant, key, request.title, request.same_class, pg::array(artifacts)});
    if (!earlier) return std::unexpected(earlier.error());
    if (!earlier->empty() && earlier->boolean(0, 1)) return earlier->str(0, 0);
    return fail(Errc::kConflict, "Idempotency-Key: was used for other pictures; choose a new one");
  }
  if (auto ok = check_stored(store, artifacts); !ok) return std::unexpected(ok.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return id;
}

Result<wire::VerificationT> verification(pg::Connection& pg,
                                         const std::string& tenant,
                                         const std::string& id,
                                         const UrlFor& url_for) {
  const auto rows = pg.exec(kOneVerification.c_str(), {tenant, id});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(Errc::kNotFound, "there is no verification " + messages::clean_text(id, 64));
  auto list = read_list(pg, *rows, Page(), url_for);
  if (!list) return std::unexpected(list.error());
  return std::move(*list->verifications.front());
}

Result<wire::VerificationListT> verification_list(pg::Connection& pg,
                                                  const std::string& tenant,
                                                  const Page& page,
                                                  const UrlFor& url_for) {
  const auto rows =
      pg.exec(kPageOfVerifications.c_str(), {tenant, page.key(0), page.key(1), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  return read_list(pg, *rows, page, url_for);
}

}  // namespace worldshare::dispatcher
