#include "dispatcher/nodes/rpc.h"

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "shared/blobs/reference_lock.h"
#include "shared/log.h"
#include "shared/messages/messages.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

// A late agent may still commit: whether its result counts is the trust engine's business.
// What it was given URLs for stays counted, so that committing anew gets it no more room, and
// losing or returning the lease neither: what comes to no result counts for as long as blobs that
// nobody refers to are kept.
constexpr const char* kCommit = R"(
  with wish as (
    select x.ord, x.lease, x.agent, x.sha256, x.bytes, x.look,
           case when p.committed_sha256 is distinct from x.sha256 then x.bytes else 0 end as more
      from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $6::bool[])
             with ordinality x(lease, agent, sha256, bytes, look, ord)
      join replicas p on p.lease = x.lease and p.agent = x.agent
     where p.state in ('leased', 'expired') and p.leased_at > now() - interval '30 days'
       and not exists (select 1 from results r where r.lease = p.lease)
  ), looked as (
    select w.*, sum(w.more) over (partition by w.agent order by w.ord) as more_so_far,
           sum(w.more) over (partition by w.agent) as more_in_all,
           case when w.look then
             coalesce((select sum(case when o.state = 'leased' or not exists (select from results r where r.lease = o.lease)
                                       then o.asked_bytes else o.asked_bytes - o.committed_bytes end)
                         from replicas o where o.agent = w.agent and o.asked_bytes > 0
                          and (o.state = 'leased' or o.ended_at > now() - $7 * interval '1 millisecond')), 0) end as open
      from wish w
  ), decided as (
    select l.*, l.more = 0 or l.open is null or l.open + l.more_so_far <= $5 as fits from looked l
  ), done as (
    update replicas p set committed_sha256 = d.sha256, committed_bytes = d.bytes,
                          asked_bytes = p.asked_bytes + d.more
      from decided d where p.lease = d.lease and d.fits
  )
  select lease, fits, agent, (open + more_in_all)::bigint from decided)";

constexpr const char* kTooMuch =
    "agents.open_upload_bytes: this agent was given as much room for its unfinished leases as it "
    "may have; report them first";
constexpr std::size_t kAskedAtOnce = 16;

/// Of one agent. A slot makes two calls a unit, and has at least some tenths of a second for it.
constexpr RateLimiter::Limit kCallLimit{100, 500};

/// Calls that are answered together.
constexpr std::size_t kMostCalls = 256;

constexpr const char* kSceneOf = R"(
  select s.sha256, s.size_bytes from replicas p join units u on u.id = p.unit join jobs j on j.id = u.job
    join scenes s on s.sha256 = j.scene where p.lease = $1 and p.agent = $2 and p.state = 'leased')";

constexpr const char* kOwner =
    "select a.owner, a.standing, a.standing_reason, "
    "(select coalesce(sum(amount), 0) from credit where owner = a.owner) from agents a join "
    "credentials c on c.agent = "
    "a.id where a.id = $1 and "
    "c.revoked_at is null";

template <class Reply>
Bytes refuse(const std::string& code, const std::string& message) {
  Reply reply;
  reply.error = std::make_unique<wire::RpcErrorT>();
  reply.error->code = code;
  reply.error->message = message;
  return messages::encode(reply);
}

template <class Reply>
Bytes refuse(const Error& error) {
  // The agent retries; what exactly ails the database is not its business.
  spdlog::warn("rpc failed error=\"{}\"", error.message);
  return refuse<Reply>("unavailable", "the dispatcher cannot reach its database; try again");
}

}  // namespace

RpcService::RpcService(const Config& config,
                       nats::Connection& nats,
                       pg::Connection pg,
                       blobs::Store store,
                       const blobs::UrlSigner& signer,
                       const Clock& clock)
    : config_(config),
      nats_(nats),
      pg_(std::move(pg)),
      store_(std::move(store)),
      signer_(signer),
      clock_(clock),
      calls_(clock),
      room_(config.open_upload_bytes) {}

void RpcService::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto subscription = nats_.subscribe("rpc.*.*", "dispatchers");
    while (subscription && !stop.stop_requested()) {
      std::vector<Call> calls;
      auto next = subscription->next(200ms);
      while (next && *next) {
        const std::string subject((*next)->subject());
        const auto dot = subject.rfind('.');
        const std::string agent = subject.substr(4, dot - 4);
        // Who calls all the time waits for its own answers, not others for theirs.
        if (!(*next)->reply().empty() && calls_.take(agent, kCallLimit).allowed)
          calls.push_back({std::move(**next), agent, subject.substr(dot + 1)});
        if (calls.size() >= kMostCalls) break;
        next = subscription->next(0ms);
      }
      answer(calls);
      if (!next) break;
    }
    sleep_unless_stopped(stop, 500ms);
  }
}

void RpcService::reply(const Call& call, const Bytes& answer) {
  (void)nats_.publish(std::string(call.message.reply()), answer);
}

void RpcService::answer(const std::vector<Call>& calls) {
  std::vector<Upload> uploads;
  std::set<std::string> leases;
  const auto flush = [&] {
    answer_uploads(uploads);
    uploads.clear();
    leases.clear();
  };
  for (const auto& call : calls) {
    if (call.verb == "upload") {
      auto request = check_upload(call.message.data());
      if (!request) {
        reply(call, refuse<wire::UploadReplyT>("invalid", request.error().message));
        continue;
      }
      if (!leases.insert(request->lease).second) {
        flush();  // the later word on a lease is the one that stands
        leases.insert(request->lease);
      }
      uploads.push_back({&call, std::move(*request)});
    } else if (call.verb == "hello") {
      reply(call, hello(call.agent));
    } else if (call.verb == "scene") {
      reply(call, scene(call.agent, call.message.data()));
    } else {
      reply(call, refuse<wire::HelloReplyT>(
                      "invalid", "there is no call '" + messages::clean_text(call.verb, 40) + "'"));
    }
  }
  flush();
}

Bytes RpcService::hello(const std::string& agent) {
  auto rows = pg_.exec(kOwner, {agent});
  if (!rows) return refuse<wire::HelloReplyT>(rows.error());
  if (rows->empty()) {
    return refuse<wire::HelloReplyT>("denied", "agent " + agent +
                                                   " is not enrolled; ask the operator for a "
                                                   "token and run worldshare-agent enroll");
  }
  wire::HelloReplyT reply;
  reply.owner = rows->str(0, 0);
  if (rows->text(0, 1) != "enabled")
    reply.notice = "this agent is " + rows->str(0, 1) + ": " + rows->str(0, 2);
  reply.credit = rows->real(0, 3);
  reply.heartbeat_ms = static_cast<std::uint32_t>(config_.economy.heartbeat.count());
  return messages::encode(reply);
}

Result<wire::UploadRequestT> RpcService::check_upload(ByteView bytes) const {
  auto request = messages::decode<wire::UploadRequestT>(bytes);
  if (!request) return std::unexpected(request.error());
  if (!is_sha256_hex(request->sha256))
    return fail(Errc::kInvalid, "sha256: 64 lower-case hex digits");
  if (request->size_bytes == 0 || request->size_bytes > config_.artifact_limit_bytes)
    return fail(Errc::kInvalid, "size_bytes: 1 to " + std::to_string(config_.artifact_limit_bytes));
  request->lease = messages::clean_text(request->lease, 64);
  return std::move(*request);
}

void RpcService::answer_uploads(std::span<const Upload> uploads) {
  if (uploads.empty()) return;
  std::vector<std::string> leases;
  std::vector<std::string> agents;
  std::vector<std::string> hashes;
  std::vector<std::int64_t> sizes;
  std::vector<std::string> looks;
  for (const auto& [call, request] : uploads) {
    leases.push_back(request.lease);
    agents.push_back(call->agent);
    hashes.push_back(request.sha256);
    sizes.push_back(static_cast<std::int64_t>(request.size_bytes));
    looks.emplace_back(room_.has_room(call->agent, request.size_bytes) ? "f" : "t");
  }
  const auto refuse_all = [&](const Error& error) {
    const Bytes refusal = refuse<wire::UploadReplyT>(error);
    for (const auto& upload : uploads) reply(*upload.call, refusal);
  };
  auto transaction = pg::Transaction::begin(pg_);
  if (!transaction) return refuse_all(transaction.error());
  auto rows = transaction->exec(blobs::kLockToRefer, {pg::array(hashes)});
  if (rows) {
    rows = transaction->exec(
        kCommit, {pg::array(leases), pg::array(agents), pg::array(hashes), pg::array(sizes),
                  config_.open_upload_bytes, pg::array(looks), config_.blob_grace.count()});
  }
  if (!rows) return refuse_all(rows.error());
  std::map<std::string, bool> fits;
  for (int i = 0; i < rows->size(); ++i) {
    fits[rows->str(i, 0)] = rows->boolean(i, 1);
    if (!rows->is_null(i, 3))
      room_.learn(rows->str(i, 2), static_cast<std::uint64_t>(rows->integer(i, 3)));
  }
  // What is there now stays there: nothing is collected before this is committed.
  const auto there = sizes_of(hashes);
  if (auto ok = transaction->commit(); !ok) return refuse_all(ok.error());
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    const auto& [call, request] = uploads[i];
    const auto known = fits.find(request.lease);
    if (known == fits.end()) {
      reply(*call, refuse<wire::UploadReplyT>("not_found", "this agent holds no such lease"));
    } else if (!known->second) {
      spdlog::warn("an agent asks for too much room agent={} lease={} size_bytes={}", call->agent,
                   request.lease, request.size_bytes);
      reply(*call, refuse<wire::UploadReplyT>("denied", kTooMuch));
    } else {
      reply(*call, upload_reply(request, there[i]));
    }
  }
}

std::vector<Result<std::uint64_t>> RpcService::sizes_of(
    const std::vector<std::string>& hashes) const {
  std::vector<Result<std::uint64_t>> out(hashes.size());
  std::atomic<std::size_t> next = 0;
  const auto look = [&] {
    for (std::size_t i = next++; i < hashes.size(); i = next++) out[i] = store_.size(hashes[i]);
  };
  // An object store answers after milliseconds: several are asked for at once.
  std::vector<std::jthread> helpers;
  const std::size_t most = config_.blobs.is_s3() ? kAskedAtOnce : 1;
  while (helpers.size() + 1 < std::min(most, hashes.size())) helpers.emplace_back(look);
  look();
  helpers.clear();
  return out;
}

Bytes RpcService::upload_reply(const wire::UploadRequestT& request,
                               const Result<std::uint64_t>& size) const {
  wire::UploadReplyT reply;
  if (!size && size.error().code != Errc::kNotFound) {
    spdlog::warn("rpc failed error=\"{}\"", size.error().message);
    return refuse<wire::UploadReplyT>("unavailable", "the blob store does not answer; try again");
  }
  reply.present = size && *size == request.size_bytes;
  const auto lifetime = config_.url_lifetime;
  auto direct = store_.grant_put(request.sha256, request.size_bytes, request.lease,
                                 std::chrono::duration_cast<std::chrono::seconds>(lifetime));
  if (!direct) {
    reply.url = signer_.sign(blobs::Access::kPut, request.sha256, request.size_bytes,
                             clock_.now() + lifetime);
    return messages::encode(reply);
  }
  reply.url = std::move(direct->url);
  for (const auto& [name, value] : direct->headers) {
    auto header = std::make_unique<wire::HeaderT>();
    header->name = name;
    header->value = value;
    reply.headers.push_back(std::move(header));
  }
  return messages::encode(reply);
}

Bytes RpcService::scene(const std::string& agent, ByteView bytes) {
  using Reply = wire::SceneReplyT;
  const auto request = messages::decode<wire::SceneRequestT>(bytes);
  if (!request) return refuse<Reply>("invalid", request.error().message);
  auto rows = pg_.exec(kSceneOf, {messages::clean_text(request->lease, 64), agent});
  if (!rows) return refuse<Reply>(rows.error());
  if (rows->empty()) return refuse<Reply>("not_found", "this agent holds no such lease");
  Reply reply;
  reply.url = blobs::url_to_get(store_, signer_, rows->str(0, 0),
                                static_cast<std::uint64_t>(rows->integer(0, 1)), clock_.now(),
                                config_.url_lifetime);
  return messages::encode(reply);
}

}  // namespace worldshare::dispatcher
