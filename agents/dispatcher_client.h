#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "agent_types.h"
#include "result_types.h"
#include "shared/nats/connection.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What an agent says to the farm. Thread-safe. Errors that a dispatcher answers with keep their
/// meaning: kDenied, kNotFound and kInvalid are final, kUnavailable and kTimeout are worth another
/// try.
class DispatcherClient {
 public:
  /// `id`: the agent's public key. `connection` must outlive this.
  DispatcherClient(nats::Connection& connection, std::string id)
      : connection_(connection), id_(std::move(id)) {}

  Result<wire::HelloReplyT> hello();
  /// Commits to an artifact.
  Result<wire::UploadReplyT> upload(const wire::UploadRequestT& request);
  /// A fresh URL for the scene of a held lease.
  Result<std::string> scene_url(const std::string& lease);
  Result<> heartbeat(const wire::AgentStateT& state);
  /// Stored when this returns ok. The same lease may be reported again; only the first counts.
  Result<> report(const std::string& lease,
                  const wire::SignedResultT& result,
                  const std::string& summary);
  /// work.<id>.*
  Result<nats::Subscription> subscribe_mailbox();
  bool connected() const { return connection_.connected(); }

 private:
  template <class Reply>
  Result<Reply> call(const std::string& verb, ByteView request);
  nats::Connection& connection_;
  const std::string id_;
};

}  // namespace worldshare::agent
