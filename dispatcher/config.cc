#include "dispatcher/config.h"

namespace worldshare::dispatcher {

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("http.address", http_address)
      .add("http.port", http_port)
      .add("http.public_url", http_public_url)
      .add("http.api_token_file", api_token_file)
      .add("http.session_seconds", session_life)
      .add("http.requests_per_second", requests_per_second)
      .add("http.request_burst", request_burst)
      .add("http.open_requests_per_second", open_requests_per_second)
      .add("http.open_request_burst", open_request_burst)
      .add("http.connections_per_address", connections_per_address)
      .add("http.url_secret_file", url_secret_file)
      .add("http.url_lifetime_seconds", url_lifetime)
      .add("blobs.directory", blobs_directory)
      .add("blobs.scene_limit_bytes", scene_limit_bytes)
      .add("blobs.scene_limit_plain_bytes", scene_limit_plain_bytes)
      .add("blobs.artifact_limit_bytes", artifact_limit_bytes)
      .add("dashboard.directory", dashboard_directory)
      .add("dashboard.gpu_hour_price", gpu_hour_price)
      .add("dashboard.currency", currency)
      .add("nats.url", nats_url)
      .add("nats.seed_file", nats_seed_file)
      .add("nats.streams_file", streams_file)
      .add("nats.agents_conf_file", agents_conf_file)
      .add("nats.broker_pid_file", broker_pid_file)
      .add("nats.broker_monitor_url", broker_monitor_url)
      .add("postgres.conninfo", postgres_conninfo)
      .add("postgres.sql_directory", sql_directory)
      .add("lease.initial_seconds", economy.lease_initial)
      .add("lease.extend_seconds", economy.lease_extend)
      .add("lease.report_grace_seconds", economy.report_grace)
      .add("lease.sibling_hold_seconds", economy.sibling_hold)
      .add("lease.pair_after_commit", economy.pair_after_commit)
      .add("lease.max_expiries", economy.max_expiries)
      .add("lease.poison_owners", economy.poison_owners)
      .add("lease.straggler_factor", economy.straggler_factor)
      .add("lease.time_limit_seconds", time_limit)
      .add("agents.heartbeat_seconds", economy.heartbeat)
      .add("startup.wait_seconds", startup_wait)
      .add("log.level", log_level);
  return fields;
}

}  // namespace worldshare::dispatcher
