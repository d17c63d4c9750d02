#include "tests/integration/agent_farm.h"

#include "shared/clock.h"
#include "shared/files.h"
#include "shared/ids.h"
#include "shared/messages/messages.h"
#include "shared/messages/ticket.h"
#include "shared/nats/pull_consumer.h"

namespace worldshare::testing {
namespace {

constexpr std::chrono::seconds kGenerous{300};
constexpr std::size_t kBlobLimit = 64U << 20;

Clock::TimePoint in_an_hour() { return SystemClock().now() + std::chrono::hours(1); }

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  WS_CHECK(result.has_value(), what);
  return std::move(*result);
}

http::Reply status(unsigned code) {
  http::Reply reply;
  reply.status = code;
  reply.body = R"({"title":"test"})";
  return reply;
}

}  // namespace

AgentFarm::AgentFarm()
    : store_(must(blobs::Store::open(folder_.path() / "blobs"), "blob store")),
      broker_(NatsServer::start()) {
  broker_->provision();
  connection_ = broker_->connect(broker_->dispatcher(), "stand-in");
  http::ServerOptions options;
  options.port = 0;
  http_ = must(http::Server::open(options, *this), "http server");
  signer_ = std::make_unique<blobs::UrlSigner>(std::string(32, 's'),
                                               "http://127.0.0.1:" + std::to_string(http_->port()));
  verifier_ = broker_->connect(broker_->verifier(), "stand-in verifier");
  for (const char* subject : {"rpc.*.*", "hb.*"}) {
    auto subscription =
        std::make_shared<nats::Subscription>(must(connection_->subscribe(subject), "subscribe"));
    threads_.emplace_back(
        [this, subscription](const std::stop_token& stop) { serve(stop, *subscription); });
  }
  threads_.emplace_back([this](const std::stop_token& stop) { collect_results(stop); });
}

AgentFarm::~AgentFarm() {
  threads_.clear();
  http_.reset();
}

wire::AssignmentT AgentFarm::assignment(const std::filesystem::path& file, std::int32_t frame) {
  const std::string bytes = must(read_file(file, kBlobLimit), "scene");
  wire::AssignmentT out;
  out.lease = new_id();
  out.scene = std::make_unique<wire::SceneRefT>();
  out.scene->sha256 = to_hex(sha256(as_bytes(bytes)));
  WS_CHECK(store_.keep(out.scene->sha256, as_bytes(bytes)).has_value(), "upload");
  out.scene->size_bytes = bytes.size();
  out.scene->name = file.filename();
  out.scene_url = signer_->sign(blobs::Access::kGet, out.scene->sha256, bytes.size(), in_an_hour());
  out.output = std::make_unique<wire::OutputT>();
  out.output->width = 64;
  out.output->height = 36;
  out.frame = frame;
  out.time_limit_seconds = 600;
  const std::lock_guard lock(mutex_);
  scene_of_[out.lease] = out.scene->sha256;
  return out;
}

void AgentFarm::give(const std::string& agent,
                     std::uint32_t slot,
                     const wire::AssignmentT& assignment) {
  wire::AssignmentT signed_one = assignment;
  signed_one.ticket = messages::sign_ticket(
      broker_->dispatcher(),
      {assignment.lease, agent, assignment.scene->sha256, {assignment.frame}});
  wire::WorkT work;
  work.body.Set(std::move(signed_one));
  must(connection_->publish_stored("work." + agent + "." + std::to_string(slot),
                                   messages::encode(work), "", "test", std::chrono::seconds(5)),
       "give");
}

void AgentFarm::stop(const std::string& agent, std::uint32_t slot, const std::string& lease) {
  wire::StopT over;
  over.lease = lease;
  over.reason = "test";
  wire::WorkT work;
  work.body.Set(std::move(over));
  must(connection_->publish_stored("work." + agent + "." + std::to_string(slot),
                                   messages::encode(work), "", "test", std::chrono::seconds(5)),
       "stop");
}

void AgentFarm::hint(const std::string& agent, const std::filesystem::path& file) {
  wire::AssignmentT like = assignment(file, 1);
  wire::NextSceneT next;
  next.scene = std::move(like.scene);
  next.scene_url = like.scene_url;
  wire::WorkT work;
  work.body.Set(std::move(next));
  WS_CHECK(connection_->publish("work." + agent + ".next", messages::encode(work)).has_value(),
           "hint");
}

void AgentFarm::update(const std::function<void(View&)>& change) {
  const std::lock_guard lock(mutex_);
  change(view_);
  changed_.notify_all();
}

bool AgentFarm::wait_until(const std::function<bool(const View&)>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kGenerous, [&] { return condition(view_); });
}

void AgentFarm::serve(const std::stop_token& stop, nats::Subscription& subscription) {
  while (!stop.stop_requested()) {
    auto message = subscription.next(std::chrono::milliseconds(100));
    if (message && *message) handle(**message);
  }
}

void AgentFarm::collect_results(const std::stop_token& stop) {
  auto results =
      must(nats::PullConsumer::open(*verifier_, "RESULTS", "verifiers"), "results consumer");
  while (!stop.stop_requested()) {
    auto batch = results.fetch(8, std::chrono::milliseconds(200));
    if (!batch) continue;
    for (const auto& message : *batch) {
      handle(message);
      // A lost ack means that it comes again, which take_result() does not mind.
      std::ignore = results.ack(message);
    }
  }
}

void AgentFarm::handle(const nats::Message& message) {
  const std::string subject(message.subject());
  const std::string rest = subject.substr(subject.find('.') + 1);
  const std::string agent = rest.substr(0, rest.find('.'));
  if (subject.starts_with("hb.")) {
    auto state = messages::decode<wire::AgentStateT>(message.data());
    update([&](View& view) { view.states.push_back(must(std::move(state), "heartbeat")); });
  } else if (subject.starts_with("results.")) {
    take_result(agent, message.data());
  } else {
    const Bytes reply = answer(rest.substr(rest.find('.') + 1), message.data());
    if (reply.empty()) return;
    WS_CHECK(connection_->publish(std::string(message.reply()), reply).has_value(), "reply");
  }
}

void AgentFarm::take_result(const std::string& agent, ByteView data) {
  const auto envelope = must(messages::decode<wire::SignedResultT>(data), "result");
  WS_CHECK(verify_signature(agent, envelope.payload, envelope.signature), "signature");
  auto result = must(messages::decode<wire::ResultT>(envelope.payload), "payload");
  WS_CHECK(result.agent == agent, "agent");
  const std::string lease = result.lease;
  update([&](View& view) { view.results[lease] = std::move(result); });
}

Bytes AgentFarm::answer(const std::string& verb, ByteView request) {
  const std::lock_guard lock(mutex_);
  const auto error = [](const char* code) {
    auto out = std::make_unique<wire::RpcErrorT>();
    out->code = code;
    out->message = "says the test";
    return out;
  };
  changed_.notify_all();
  if (verb == "hello") {
    ++view_.hellos;
    if (!view_.dispatcher_answers) return {};
    wire::HelloReplyT reply;
    reply.owner = "test-owner";
    reply.heartbeat_ms = 1000;
    if (!view_.enrolled) reply.error = error("denied");
    return messages::encode(reply);
  }
  if (verb == "scene") {
    const auto asked = must(messages::decode<wire::SceneRequestT>(request), "scene request");
    ++view_.scene_requests;
    wire::SceneReplyT reply;
    const std::string& sha256 = scene_of_.at(asked.lease);
    reply.url = signer_->sign(blobs::Access::kGet, sha256, *store_.size(sha256), in_an_hour());
    return messages::encode(reply);
  }
  const auto asked = must(messages::decode<wire::UploadRequestT>(request), "upload request");
  wire::UploadReplyT reply;
  reply.present = store_.size(asked.sha256).has_value();
  reply.url = signer_->sign(blobs::Access::kPut, asked.sha256, asked.size_bytes, in_an_hour());
  if (view_.lease_over) reply.error = error("denied");
  return messages::encode(reply);
}

http::HeadDecision AgentFarm::on_head(const http::Request& head) {
  const std::string sha256 = head.path.substr(head.path.rfind('/') + 1);
  const bool put = head.method == "PUT";
  const auto grant = signer_->check(put ? blobs::Access::kPut : blobs::Access::kGet, sha256,
                                    head.query, SystemClock().now());
  if (!grant) return status(403);
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  if (put) {
    ++view_.puts;
    if (view_.failing_puts == 0) return http::NeedBody{kBlobLimit};
    --view_.failing_puts;
    return status(503);
  }
  ++view_.gets;
  if (view_.denied_gets > 0) {
    --view_.denied_gets;
    return status(403);
  }
  http::Reply reply;
  reply.content_type = "application/octet-stream";
  reply.file = must(store_.file(sha256), "a blob");
  return reply;
}

http::Reply AgentFarm::on_request(const http::Request& request) {
  const std::string sha256 = request.path.substr(request.path.rfind('/') + 1);
  auto upload = store_.begin(sha256, request.body.size());
  if (!upload || !upload->write(as_bytes(request.body)) || !upload->commit()) return status(409);
  return status(201);
}

}  // namespace worldshare::testing
