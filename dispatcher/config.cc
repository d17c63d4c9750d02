#include "dispatcher/config.h"

#include "shared/nats/address.h"
#include "shared/tls/trust.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::hours kLongestGrant{7 * 24};  // of a pre-signed URL, Signature Version 4
constexpr std::chrono::minutes kShortestCredential{1};

}  // namespace

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("http.address", http_address)
      .add("http.port", http_port)
      .add("http.certificate_file", http_certificate_file)
      .add("http.key_file", http_key_file)
      .add("http.allow_plain", http_allow_plain)
      .add("http.public_url", http_public_url)
      .add("http.api_token_file", api_token_file)
      .add("http.api_token_from_anywhere", api_token_from_anywhere)
      .add("http.session_seconds", session_life)
      .add("http.requests_per_second", requests_per_second)
      .add("http.request_burst", request_burst)
      .add("http.open_requests_per_second", open_requests_per_second)
      .add("http.open_request_burst", open_request_burst)
      .add("http.connections_per_address", connections_per_address)
      .add("http.url_secret_file", url_secret_file)
      .add("http.url_lifetime_seconds", url_lifetime)
      .add("blobs.scene_limit_bytes", scene_limit_bytes)
      .add("blobs.scene_limit_plain_bytes", scene_limit_plain_bytes)
      .add("blobs.artifact_limit_bytes", artifact_limit_bytes)
      .add("blobs.grace_seconds", blob_grace)
      .add("blobs.collect_seconds", collect_every)
      .add("agents.open_upload_bytes", open_upload_bytes)
      .add("dashboard.directory", dashboard_directory)
      .add("dashboard.gpu_hour_price", gpu_hour_price)
      .add("dashboard.currency", currency)
      .add("nats.url", nats_url)
      .add("nats.ca_file", nats_ca_file)
      .add("nats.allow_plain", nats_allow_plain)
      .add("nats.seed_file", nats_seed_file)
      .add("nats.streams_file", streams_file)
      .add("nats.stream_replicas", stream_replicas)
      .add("nats.accounts_folder", accounts_folder)
      .add("nats.credential_seconds", credential_life)
      .add("nats.agents_conf_file", agents_conf_file)
      .add("nats.broker_pid_file", broker_pid_file)
      .add("nats.broker_monitor_url", broker_monitor_url)
      .add("nats.broker_reload_seconds", broker_reload)
      .add("nats.broker_poll_seconds", broker_poll)
      .add("nats.public_url", broker_public_url)
      .add("nats.public_ca_file", broker_public_ca_file)
      .add("postgres.conninfo", postgres_conninfo)
      .add("postgres.sql_directory", sql_directory)
      .add("lease.initial_seconds", economy.lease_initial)
      .add("lease.extend_seconds", economy.lease_extend)
      .add("lease.report_grace_seconds", economy.report_grace)
      .add("lease.sibling_hold_seconds", economy.sibling_hold)
      .add("lease.pair_after_commit", economy.pair_after_commit)
      .add("lease.split_samples", economy.split_samples)
      .add("lease.audit_patience_seconds", economy.audit_patience)
      .add("lease.max_expiries", economy.max_expiries)
      .add("lease.poison_owners", economy.poison_owners)
      .add("lease.straggler_factor", economy.straggler_factor)
      .add("lease.time_limit_seconds", time_limit)
      .add("agents.heartbeat_seconds", economy.heartbeat)
      .add("enrolment.attempts_per_minute", enrolment_attempts)
      .add("startup.wait_seconds", startup_wait)
      .add("log.level", log_level);
  blobs.add_to(fields);
  return fields;
}

Result<> Config::check() const {
  if (http_certificate_file.empty() != http_key_file.empty())
    return fail(Errc::kInvalid, "http.key_file: must be named together with http.certificate_file");
  if (http_certificate_file.empty() && !http_allow_plain && !tls::is_loopback(http_address)) {
    return fail(Errc::kInvalid,
                "http.address: " + http_address +
                    " is reached by other machines; name http.certificate_file and http.key_file, "
                    "or set http.allow_plain: true where a proxy before it speaks TLS");
  }
  if (auto ok = blobs.check(); !ok) return ok;
  if (open_upload_bytes < artifact_limit_bytes) {
    return fail(Errc::kInvalid,
                "agents.open_upload_bytes: must be at least blobs.artifact_limit_bytes");
  }
  if (collect_every.count() == 0)
    return fail(Errc::kInvalid, "blobs.collect_seconds: must be more than 0");
  if (blobs.is_s3() && url_lifetime > kLongestGrant)
    return fail(Errc::kInvalid, "http.url_lifetime_seconds: at most 604800 with an object store");
  if (trusts_jwts() && !agents_conf_file.empty()) {
    return fail(Errc::kInvalid,
                "nats.agents_conf_file: a broker has agents.conf or JWTs (nats.accounts_folder), "
                "not both; leave one out");
  }
  if (credential_life < kShortestCredential)
    return fail(Errc::kInvalid, "nats.credential_seconds: must be at least 60");
  return nats::check_address(nats_url, nats_allow_plain);
}

nats::ConnectOptions Config::broker(const NKey& key) const {
  nats::ConnectOptions out;
  out.url = nats_url;
  out.ca_file = nats_ca_file;
  out.name = "worldshare-dispatcher";
  out.seed = key.seed();
  if (trusts_jwts()) out.jwt_file = accounts().jwt("dispatcher");
  return out;
}

std::string Config::public_url() const {
  if (!http_public_url.empty()) return http_public_url;
  return (http_certificate_file.empty() ? "http://" : "https://") + http_address + ":" +
         std::to_string(http_port);
}

}  // namespace worldshare::dispatcher
