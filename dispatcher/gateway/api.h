#pragma once

#include <optional>
#include <string>
#include <vector>

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

/// The HTTP API of docs/protocol.md: jobs, units, frames, nodes, queue and their control, blobs,
/// /health, /metrics. Errors are RFC 9457 problem documents. Thread-safe.
class Api final : public http::Handler {
 public:
  struct Parts {
    const Config& config;
    std::string token;  ///< empty: nobody is asked
    blobs::Store store;
    const blobs::UrlSigner& signer;
    nats::Connection& nats;
    const Clock& clock;
    Board& board;
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
  http::Reply post_control(const http::Request& request, const std::string& job);
  std::optional<http::Reply> on_jobs(const http::Request& request,
                                     const std::vector<std::string>& parts);
  std::optional<http::Reply> on_nodes(const http::Request& request,
                                      const std::vector<std::string>& parts);
  template <class Query>
  http::Reply list(Query query);
  /// Tells the economy that a row was changed.
  void nudge(const std::string& about, const wire::EventT& event);
  http::Reply health();

  Parts parts_;
  ConnectionPool pool_;
  Intake intake_;
};

}  // namespace worldshare::dispatcher
