#pragma once

#include <string>

#include "dispatcher/board.h"
#include "dispatcher/config.h"
#include "dispatcher/gateway/connection_pool.h"
#include "dispatcher/intake/intake.h"
#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/http/server.h"
#include "shared/nats/connection.h"

namespace worldshare::dispatcher {

/// The HTTP API: POST /v1/jobs, GET /v1/jobs/{id}, GET /v1/jobs/{id}/frames/{n}, PUT|GET
/// /v1/blobs/{sha256}, GET /health. Errors are RFC 9457 problem documents. Thread-safe.
class Api final : public http::Handler {
 public:
  struct Parts {
    const Config& config;
    std::string token;  ///< empty: nobody is asked
    blobs::Store store;
    const blobs::UrlSigner& signer;
    nats::Connection& nats;
    const Clock& clock;
    const Board& board;
  };
  explicit Api(Parts parts);

  http::HeadDecision on_head(const http::Request& head) override;
  http::Reply on_request(const http::Request& request) override;

 private:
  bool authorised(const http::Request& request) const;
  http::HeadDecision put_blob(const http::Request& head, const std::string& sha256);
  http::Reply get_blob(const http::Request& request, const std::string& sha256);
  http::Reply get_job(const std::string& id);
  http::Reply get_frame(const std::string& id, const std::string& frame);
  http::Reply post_job(const http::Request& request);
  http::Reply health();

  Parts parts_;
  ConnectionPool pool_;
  Intake intake_;
};

}  // namespace worldshare::dispatcher
