#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "shared/nats/connection.h"
#include "verifier/consensus/agreement.h"

namespace worldshare::verifier {

/// What was measured of pairs of artifacts, by any verifier, in the key-value bucket `metrics`: for
/// results that are delivered again and for pairs that come again. Key: both artifacts, the smaller
/// first, and kMetricsVersion; value: JSON that people can read. The bucket bounds age and size.
///
/// Never in the way of a verdict: a pair is asked for with a short timeout, one that passes keeps
/// everybody from asking for a while, and writing waits for nobody. Thread-safe.
class MetricsCache {
 public:
  /// `broker` must outlive it. Distances of another LPIPS network than this one are left out.
  MetricsCache(nats::Connection& broker, std::string lpips_network);

  /// Without `agree`, which depends on the tolerance. Nothing: not known, or not to be had now.
  std::optional<Comparison> find(const std::string& a, const std::string& b);
  void keep(const std::string& a, const std::string& b, const Comparison& comparison);

 private:
  nats::Connection& broker_;
  const std::string lpips_network_;
  std::atomic<std::chrono::steady_clock::time_point> not_before_{};
};

}  // namespace worldshare::verifier
