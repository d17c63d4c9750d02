#include "dispatcher/nodes/rpc.h"

#include "shared/log.h"
#include "shared/messages/messages.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

// A late agent may still commit: whether its result counts is the trust engine's business.
constexpr const char* kCommit = R"(
  update replicas set committed_sha256 = $3, committed_bytes = $4
   where lease = $1 and agent = $2 and state in ('leased', 'expired')
     and not exists (select 1 from results r where r.lease = $1) returning 1)";

constexpr const char* kSceneOf = R"(
  select s.sha256, s.size_bytes from replicas p join units u on u.id = p.unit join jobs j on j.id = u.job
    join scenes s on s.sha256 = j.scene where p.lease = $1 and p.agent = $2 and p.state = 'leased')";

constexpr const char* kOwner =
    "select a.owner, a.standing, a.standing_reason from agents a join credentials c on c.agent = "
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
      clock_(clock) {}

void RpcService::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto subscription = nats_.subscribe("rpc.*.*", "dispatchers");
    while (subscription && !stop.stop_requested()) {
      auto next = subscription->next(200ms);
      if (!next) break;
      if (!*next || (*next)->reply().empty()) continue;
      const nats::Message& message = **next;
      const std::string subject(message.subject());
      const auto dot = subject.rfind('.');
      const std::string agent = subject.substr(4, dot - 4);
      const Bytes reply = answer(agent, subject.substr(dot + 1), message.data());
      (void)nats_.publish(std::string(message.reply()), reply);
    }
    sleep_unless_stopped(stop, 500ms);
  }
}

Bytes RpcService::answer(const std::string& agent, const std::string& verb, ByteView request) {
  if (verb == "hello") return hello(agent);
  if (verb == "upload") return upload(agent, request);
  if (verb == "scene") return scene(agent, request);
  return refuse<wire::HelloReplyT>("invalid",
                                   "there is no call '" + messages::clean_text(verb, 40) + "'");
}

Bytes RpcService::hello(const std::string& agent) {
  auto rows = pg_.exec(kOwner, {agent});
  if (!rows) return refuse<wire::HelloReplyT>(rows.error());
  if (rows->empty()) {
    return refuse<wire::HelloReplyT>("denied", "agent " + agent +
                                                   " is not enrolled; ask the operator to run "
                                                   "worldshare-dispatcher --enrol " +
                                                   agent + " --owner NAME");
  }
  wire::HelloReplyT reply;
  reply.owner = rows->str(0, 0);
  if (rows->text(0, 1) != "enabled")
    reply.notice = "this agent is " + rows->str(0, 1) + ": " + rows->str(0, 2);
  reply.heartbeat_ms = static_cast<std::uint32_t>(config_.economy.heartbeat.count());
  return messages::encode(reply);
}

Bytes RpcService::upload(const std::string& agent, ByteView bytes) {
  using Reply = wire::UploadReplyT;
  const auto request = messages::decode<wire::UploadRequest>(bytes);
  if (!request) return refuse<Reply>("invalid", request.error().message);
  if (!is_sha256_hex(request->sha256))
    return refuse<Reply>("invalid", "sha256: 64 lower-case hex digits");
  if (request->size_bytes == 0 || request->size_bytes > config_.artifact_limit_bytes) {
    return refuse<Reply>("invalid",
                         "size_bytes: 1 to " + std::to_string(config_.artifact_limit_bytes));
  }
  auto rows = pg_.exec(kCommit, {messages::clean_text(request->lease, 64), agent, request->sha256,
                                 request->size_bytes});
  if (!rows) return refuse<Reply>(rows.error());
  if (rows->empty()) return refuse<Reply>("not_found", "this agent holds no such lease");
  Reply reply;
  reply.present = store_.size(request->sha256) == request->size_bytes;
  reply.url = signer_.sign(blobs::Access::kPut, request->sha256, request->size_bytes,
                           clock_.now() + config_.url_lifetime);
  return messages::encode(reply);
}

Bytes RpcService::scene(const std::string& agent, ByteView bytes) {
  using Reply = wire::SceneReplyT;
  const auto request = messages::decode<wire::SceneRequest>(bytes);
  if (!request) return refuse<Reply>("invalid", request.error().message);
  auto rows = pg_.exec(kSceneOf, {messages::clean_text(request->lease, 64), agent});
  if (!rows) return refuse<Reply>(rows.error());
  if (rows->empty()) return refuse<Reply>("not_found", "this agent holds no such lease");
  Reply reply;
  reply.url = signer_.sign(blobs::Access::kGet, rows->str(0, 0),
                           static_cast<std::uint64_t>(rows->integer(0, 1)),
                           clock_.now() + config_.url_lifetime);
  return messages::encode(reply);
}

}  // namespace worldshare::dispatcher
