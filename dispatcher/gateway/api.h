#pragma once

#include <expected>

#include "dispatcher/gateway/gateway.h"
#include "dispatcher/gateway/request_limits.h"
#include "dispatcher/gateway/routes.h"
#include "dispatcher/gateway/static_files.h"
#include "shared/http/server.h"

namespace worldshare::dispatcher {

/// The HTTP API of schemas/openapi.yaml, and the dashboard's files beside it: finds the route, asks
/// who calls and whether that role may, answers with the route's handler, and keeps a record of
/// what changes something. Errors are RFC 9457 problem documents. Thread-safe.
class Api final : public http::Handler {
 public:
  Api(Gateway::Parts parts, StaticFiles dashboard)
      : gateway_(std::move(parts)), dashboard_(std::move(dashboard)), limits_(gateway_) {}

  http::HeadDecision on_head(const http::Request& head) override;
  http::Reply on_request(const http::Request& request) override;

 private:
  std::expected<Caller, http::Reply> admit(const Route& route, const http::Request& request);
  http::Reply answer(const http::Request& request);

  Gateway gateway_;
  StaticFiles dashboard_;
  RequestLimits limits_;
};

}  // namespace worldshare::dispatcher
