#pragma once

#include <functional>
#include <string>

#include "shared/http/server.h"

namespace worldshare::verifier {

struct HealthState {
  bool broker = false;
  bool database = false;
  bool assembly = false;  ///< frames are put together
  bool desk = false;      ///< pictures of strangers are compared
  std::string blobs;      ///< why pictures cannot be read or written; empty when they can
  std::string metrics;    ///< Metrics::name()
  std::string lpips;      ///< LpipsOnDemand::status()
};

/// GET /health: 200 while the process lives. GET /ready: 200 while everything that it needs is
/// there, else 503, with a reason for each. `state` is called on the server's threads and must
/// outlive it.
class HealthPage final : public http::Handler {
 public:
  explicit HealthPage(std::function<HealthState()> state) : state_(std::move(state)) {}
  http::HeadDecision on_head(const http::Request& head) override;
  http::Reply on_request(const http::Request& request) override;

 private:
  const std::function<HealthState()> state_;
};

}  // namespace worldshare::verifier
