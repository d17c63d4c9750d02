#pragma once

#include "dispatcher/gateway/gateway.h"
#include "dispatcher/gateway/static_files.h"
#include "shared/http/server.h"

namespace worldshare::dispatcher {

/// The HTTP API of schemas/openapi.yaml, and the dashboard's files beside it: finds the route, asks
/// for the token, answers with the route's handler. Errors are RFC 9457 problem documents.
/// Thread-safe.
class Api final : public http::Handler {
 public:
  Api(Gateway::Parts parts, StaticFiles dashboard)
      : gateway_(std::move(parts)), dashboard_(std::move(dashboard)) {}

  http::HeadDecision on_head(const http::Request& head) override;
  http::Reply on_request(const http::Request& request) override;

 private:
  http::Reply answer(const http::Request& request);

  Gateway gateway_;
  StaticFiles dashboard_;
};

/// Whether the request carries the API token.
bool is_authorised(const Gateway& gateway, const http::Request& request);

}  // namespace worldshare::dispatcher
