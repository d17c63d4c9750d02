#include "agents/credential.h"

#include "agents/backoff.h"
#include "agents/farm_server.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/messages/enrolment_proof.h"
#include "shared/nats/jwt/jwt_summary.h"

namespace worldshare::agent {
namespace {

constexpr std::size_t kJwtBytes = 64 * 1024;
constexpr std::chrono::seconds kLook{10};
constexpr std::chrono::minutes kLongestWait{10};
constexpr std::chrono::seconds kServerTime{10};

/// A file without a JWT is due, too.
bool is_due(const std::filesystem::path& file, Clock::TimePoint now) {
  const auto text = read_file(file, kJwtBytes);
  const auto jwt = text ? nats::read_jwt(*text) : std::nullopt;
  if (!jwt) return true;
  const auto seconds = static_cast<std::int64_t>(unix_ms(now) / 1000);
  return jwt->expires != 0 && jwt->expires - seconds <= (jwt->expires - jwt->issued) / 3;
}

Result<std::string> next_credential(const Config& config,
                                    const NKey& key,
                                    const http::ClientOptions& web) {
  const auto nonce = ask_nonce(config.farm_server, key.public_key(), web, {});
  if (!nonce) return std::unexpected(nonce.error());
  wire::CredentialRequestT request;
  request.agent = key.public_key();
  request.nonce = *nonce;
  request.signature =
      to_hex(key.sign(as_bytes(messages::credential_proof(request.nonce, request.agent))));
  const auto answer = ask_server<wire::CredentialT>(config.farm_server + "/v1/enrolment/credential",
                                                    request, web, {});
  if (!answer) return std::unexpected(answer.error());
  if (answer->broker_jwt.empty()) {
    return fail(Errc::kInvalid,
                "the farm's broker asks for no JWT any more; enrol this agent anew");
  }
  return answer->broker_jwt;
}

}  // namespace

Result<bool> renew_credential(const Config& config,
                              const NKey& key,
                              Clock::TimePoint now,
                              std::stop_token stop) {
  if (config.nats_jwt_file.empty() || !is_due(config.nats_jwt_file, now)) return false;
  if (config.farm_server.empty())
    return fail(Errc::kInvalid, "farm.server: is needed to renew nats.jwt_file");
  http::ClientOptions web = config.web();
  web.timeout = kServerTime;
  web.stop = std::move(stop);
  const auto jwt = next_credential(config, key, web);
  if (!jwt) return std::unexpected(jwt.error());
  if (auto ok = write_file_atomically(config.nats_jwt_file, *jwt + "\n", 0600); !ok)
    return std::unexpected(ok.error());
  return true;
}

void keep_credential(const Config& config, const NKey& key, std::stop_token stop) {
  if (config.nats_jwt_file.empty()) return;
  const SystemClock clock;
  Backoff backoff(kLongestWait);
  while (!stop.stop_requested()) {
    const auto renewed = renew_credential(config, key, clock.now(), stop);
    if (!renewed) {
      spdlog::warn("cannot renew what lets this agent in agent={} reason=\"{}\"", key.public_key(),
                   renewed.error().message);
      backoff.wait(stop);
      continue;
    }
    if (*renewed) spdlog::info("renewed what lets this agent in agent={}", key.public_key());
    backoff = Backoff(kLongestWait);
    sleep_unless_stopped(stop, kLook);
  }
}

}  // namespace worldshare::agent
