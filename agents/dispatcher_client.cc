#include "agents/dispatcher_client.h"

#include "shared/messages/messages.h"

namespace worldshare::agent {
namespace {

constexpr std::chrono::seconds kCallTime{5};

Error to_error(const wire::RpcErrorT& error) {
  Errc code = Errc::kUnavailable;
  if (error.code == "denied") code = Errc::kDenied;
  if (error.code == "not_found") code = Errc::kNotFound;
  if (error.code == "invalid") code = Errc::kInvalid;
  return {code, error.message};
}

}  // namespace

template <class Reply>
Result<Reply> DispatcherClient::call(const std::string& verb, ByteView request) {
  auto answer = connection_.request("rpc." + id_ + "." + verb, request, kCallTime);
  if (!answer) return std::unexpected(answer.error());
  auto reply = messages::decode<Reply>(answer->data());
  if (reply && reply->error != nullptr) return std::unexpected(to_error(*reply->error));
  return reply;
}

Result<wire::HelloReplyT> DispatcherClient::hello() { return call<wire::HelloReplyT>("hello", {}); }

Result<wire::UploadReplyT> DispatcherClient::upload(const wire::UploadRequestT& request) {
  return call<wire::UploadReplyT>("upload", messages::encode(request));
}

Result<std::string> DispatcherClient::scene_url(const std::string& lease) {
  wire::SceneRequestT request;
  request.lease = lease;
  auto reply = call<wire::SceneReplyT>("scene", messages::encode(request));
  if (!reply) return std::unexpected(reply.error());
  return reply->url;
}

Result<> DispatcherClient::heartbeat(const wire::AgentStateT& state) {
  return connection_.publish("hb." + id_, messages::encode(state));
}

Result<> DispatcherClient::report(const std::string& lease,
                                  const wire::SignedResultT& result,
                                  const std::string& summary) {
  auto stored = connection_.publish_stored("results." + id_ + "." + lease, messages::encode(result),
                                           lease, summary, kCallTime);
  if (!stored) return std::unexpected(stored.error());
  return {};
}

Result<nats::Subscription> DispatcherClient::subscribe_mailbox() {
  return connection_.subscribe("work." + id_ + ".*");
}

}  // namespace worldshare::agent
