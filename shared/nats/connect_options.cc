#include "shared/nats/connect_options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/nats/link.h"

namespace worldshare::nats {
namespace {

constexpr std::int64_t kPingIntervalMs = 20'000;
constexpr int kPingsUnanswered = 2;
constexpr std::size_t kJwtBytes = 64 * 1024;

/// Who connects.
struct Identity {
  NKey key;
  std::filesystem::path jwt_file;
};

/// nats.c may call back after a connection is destroyed, so its closures live as long as the
/// program.
Identity& keep(Identity identity) {
  static std::mutex mutex;
  static auto& kept = *new std::map<std::string, Identity>;
  const std::lock_guard lock(mutex);
  const std::string name = identity.key.public_key() + identity.jwt_file.string();
  return kept.try_emplace(name, std::move(identity)).first->second;
}

natsStatus sign_nonce(
    char**, unsigned char** signature, int* length, const char* nonce, void* closure) {
  // A server that asks nobody who he is sends no nonce, and nats.c calls all the same.
  const auto bytes =
      static_cast<const Identity*>(closure)->key.sign(as_bytes(nonce == nullptr ? "" : nonce));
  // nats.c frees it.
  auto* copy = static_cast<unsigned char*>(std::malloc(bytes.size()));
  if (copy == nullptr) return NATS_NO_MEMORY;
  std::memcpy(copy, bytes.data(), bytes.size());
  *signature = copy;
  *length = static_cast<int>(bytes.size());
  return NATS_OK;
}

natsStatus read_jwt_file(char** jwt, char**, void* closure) {
  auto text = read_file(static_cast<const Identity*>(closure)->jwt_file, kJwtBytes);
  if (!text) return NATS_ERR;
  text->erase(text->find_last_not_of(" \r\n") + 1);
  // nats.c frees it.
  *jwt = ::strdup(text->c_str());
  return *jwt == nullptr ? NATS_NO_MEMORY : NATS_OK;
}

/// The subscription may be freed already, so it is not touched.
void log_error(natsConnection* connection, natsSubscription*, natsStatus status, void*) {
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  spdlog::warn("broker reported an error status={} error={}", natsStatus_GetText(status),
               text == nullptr ? "" : text);
}

natsStatus set_behaviour(natsOptions* handle, const ConnectOptions& options) {
  const natsStatus statuses[] = {
      natsOptions_SetName(handle, options.name.empty() ? "worldshare" : options.name.c_str()),
      natsOptions_SetTimeout(handle, options.timeout.count()),
      natsOptions_SetSendAsap(handle, true),
      // A reconnect of nats.c 3.4.1 to a server that falls silent never ends and holds the lock
      // that every other call needs. The Connection makes a new link instead.
      natsOptions_SetAllowReconnect(handle, false),
      natsOptions_SetPingInterval(handle, kPingIntervalMs),
      natsOptions_SetMaxPingsOut(handle, kPingsUnanswered),
      natsOptions_SetErrorHandler(handle, log_error, nullptr),
  };
  for (const auto status : statuses) {
    if (status != NATS_OK) return status;
  }
  return NATS_OK;
}

/// nats.c takes what the scheme says for a hint only.
Result<> set_tls(natsOptions* handle, const ConnectOptions& options) {
  if (!options.url.starts_with("tls://")) return {};
  if (natsOptions_SetSecure(handle, true) != NATS_OK)
    return fail(Errc::kInternal, "this nats.c was built without TLS");
  if (options.ca_file.empty()) return {};
  if (natsOptions_LoadCATrustedCertificates(handle, options.ca_file.c_str()) != NATS_OK) {
    return fail(Errc::kInvalid,
                "CA file " + options.ca_file.string() + " is missing or holds no certificate");
  }
  return {};
}

Result<> set_identity(natsOptions* handle, const ConnectOptions& options) {
  auto key = NKey::from_seed(options.seed);
  if (!key) return std::unexpected(key.error());
  Identity& who = keep({std::move(*key), options.jwt_file});
  natsStatus status = NATS_OK;
  if (options.jwt_file.empty()) {
    status = natsOptions_SetNKey(handle, who.key.public_key().c_str(), sign_nonce, &who);
  } else {
    // nats.c does not tell what it could not read.
    if (const auto text = read_file(options.jwt_file, kJwtBytes); !text)
      return std::unexpected(text.error());
    status = natsOptions_SetUserCredentialsCallbacks(handle, read_jwt_file, &who, sign_nonce, &who);
  }
  if (status != NATS_OK) return failed("cannot set the key", status);
  return {};
}

}  // namespace

Result<OptionsHandle> make_options(const ConnectOptions& options, const std::string& inbox_prefix) {
  natsOptions* raw = nullptr;
  if (const auto status = natsOptions_Create(&raw); status != NATS_OK) {
    return failed("cannot make options", status);
  }
  OptionsHandle handle(raw);
  if (natsOptions_SetURL(raw, options.url.c_str()) != NATS_OK) {
    return fail(Errc::kInvalid, "bad broker address: " + options.url);
  }
  if (const auto status = set_behaviour(raw, options); status != NATS_OK) {
    return failed("cannot set options", status);
  }
  if (const auto status = natsOptions_SetCustomInboxPrefix(raw, inbox_prefix.c_str());
      status != NATS_OK) {
    return failed("cannot set the inbox prefix", status);
  }
  if (auto ok = set_tls(raw, options); !ok) return std::unexpected(ok.error());
  if (options.seed.empty()) return handle;
  if (auto ok = set_identity(raw, options); !ok) return std::unexpected(ok.error());
  return handle;
}

}  // namespace worldshare::nats
