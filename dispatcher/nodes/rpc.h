#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "dispatcher/access/rate_limiter.h"
#include "dispatcher/config.h"
#include "dispatcher/nodes/upload_room.h"
#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/nats/connection.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// Answers the agents' rare calls rpc.<agent>.{hello,upload,scene}. The subject's agent token is
/// the caller: the broker lets nobody else publish there. Uploads that wait are written in one
/// transaction.
class RpcService {
 public:
  RpcService(const Config& config,
             nats::Connection& nats,
             pg::Connection pg,
             blobs::Store store,
             const blobs::UrlSigner& signer,
             const Clock& clock);
  /// Serves until `stop`. One thread.
  void run(std::stop_token stop);

 private:
  /// One call: who makes it, which, and where the answer goes.
  struct Call {
    nats::Message message;
    std::string agent;
    std::string verb;
  };
  struct Upload {
    const Call* call = nullptr;
    wire::UploadRequestT request;
  };

  void answer(const std::vector<Call>& calls);
  void reply(const Call& call, const Bytes& answer);
  Bytes hello(const std::string& agent);
  Bytes scene(const std::string& agent, ByteView request);
  /// What is wrong with the request, as its answer.
  Result<wire::UploadRequestT> check_upload(ByteView request) const;
  /// Of different leases.
  void answer_uploads(std::span<const Upload> uploads);
  /// In the order of `hashes`.
  std::vector<Result<std::uint64_t>> sizes_of(const std::vector<std::string>& hashes) const;
  Bytes upload_reply(const wire::UploadRequestT& request, const Result<std::uint64_t>& size) const;

  const Config& config_;
  nats::Connection& nats_;
  pg::Connection pg_;
  blobs::Store store_;
  const blobs::UrlSigner& signer_;
  const Clock& clock_;
  RateLimiter calls_;
  UploadRoom room_;
};

}  // namespace worldshare::dispatcher
