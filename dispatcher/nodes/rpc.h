#pragma once

#include <stop_token>

#include "dispatcher/config.h"
#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/nats/connection.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// Answers the agents' rare calls rpc.<agent>.{hello,upload,scene}. The subject's agent token is
/// the caller: the broker lets nobody else publish there.
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
  Bytes answer(const std::string& agent, const std::string& verb, ByteView request);
  Bytes hello(const std::string& agent);
  Bytes upload(const std::string& agent, ByteView request);
  Bytes scene(const std::string& agent, ByteView request);

  const Config& config_;
  nats::Connection& nats_;
  pg::Connection pg_;
  blobs::Store store_;
  const blobs::UrlSigner& signer_;
  const Clock& clock_;
};

}  // namespace worldshare::dispatcher
