#pragma once

#include <filesystem>

#include "shared/nats/connection.h"

namespace worldshare::nats {

/// Creates or updates the streams, consumers and key-value buckets that `streams_yaml` lists.
/// Idempotent: run twice it changes nothing. The YAML keys are JetStream's own API names, so the
/// file is the documentation:
///
///   streams:
///     - name: RESULTS
///       description: ...
///       subjects: ["results.*.*"]
///       retention: limits
///       max_age: 7d              # durations: 30s, 5m, 2h, 7d
///       consumers:
///         - durable_name: verifiers
///           description: ...
///
/// `replicas`, when not 0, is every stream's num_replicas, whatever the file says: 3 in a cluster
/// of three. kInvalid names the file's line for an unknown key or a server's refusal.
Result<> provision(Connection& connection,
                   const std::filesystem::path& streams_yaml,
                   std::uint32_t replicas = 0);

}  // namespace worldshare::nats
