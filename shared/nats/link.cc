#include "shared/nats/link.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "shared/clock.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/nats/connect_options.h"
#include "shared/nats/examine_broker.h"
#include "shared/nats/jwt/jwt_summary.h"

namespace worldshare::nats {
namespace {

/// nats.c 3.4.1 sends an empty signature when its first byte is zero, so one refusal in 256 is not
/// meant.
constexpr int kAuthAttempts = 5;
constexpr std::chrono::seconds kDestroyWait{3};
constexpr std::int64_t kUnsubscribeFlushMs = 500;
/// Beyond it, messages are dropped and the error is logged.
constexpr int kMaxPendingMessages = 262'144;
constexpr int kMaxPendingBytes = 128 << 20;

/// One call that may never return, made on a thread that can be left behind.
struct Attempt {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool found = false;  ///< its address
  bool done = false;
  bool abandoned = false;
  natsStatus status = NATS_TIMEOUT;
  std::optional<Error> error;  ///< tells more than the status
  natsConnection* connection = nullptr;
};

natsStatus connect_once(natsConnection** connection, natsOptions* options) {
  natsStatus status = NATS_OK;
  for (int i = 0; i < kAuthAttempts; ++i) {
    status = natsConnection_Connect(connection, options);
    if (status != NATS_CONNECTION_AUTH_FAILED && status != NATS_PROTOCOL_ERROR) break;
  }
  return status;
}

/// Attempts that hang now. Each turns in a loop on a processor until its server speaks or leaves,
/// so beyond a few a server must first show that it answers.
std::atomic<int> hanging_attempts = 0;
constexpr int kFewAttempts = 2;

/// False when there is no address to connect to. nats.c does not tell this from a refusal.
bool find_address(Attempt& attempt, const std::string& url) {
  auto found = find_broker(url);
  const std::lock_guard lock(attempt.mutex);
  // What is no address at all is for nats.c to refuse.
  attempt.found = found || found.error().code != Errc::kUnavailable;
  if (attempt.found) return true;
  attempt.error = std::move(found.error());
  attempt.done = true;
  attempt.changed.notify_all();
  return false;
}

void run_attempt(const std::shared_ptr<Attempt>& attempt,
                 const std::string& url,
                 const OptionsHandle& options) {
  if (!find_address(*attempt, url)) return;
  natsConnection* connection = nullptr;
  const natsStatus status = connect_once(&connection, options.get());
  bool abandoned = false;
  {
    const std::lock_guard lock(attempt->mutex);
    attempt->done = true;
    attempt->status = status;
    attempt->connection = connection;
    abandoned = attempt->abandoned;
  }
  attempt->changed.notify_all();
  if (abandoned) {
    --hanging_attempts;
    natsConnection_Destroy(connection);
  }
  nats_ReleaseThreadMemory();
}

/// What the broker does not tell of a refusal.
std::string fault_of_jwt(const std::filesystem::path& file) {
  if (file.empty()) return {};
  const auto text = read_file(file, 64 * 1024);
  const auto jwt = text ? read_jwt(*text) : std::nullopt;
  if (!jwt) return ": " + file.string() + " holds no JWT";
  const auto late = static_cast<std::int64_t>(unix_ms(SystemClock().now()) / 1000) - jwt->expires;
  if (jwt->expires == 0 || late < 0) return {};
  return ": the JWT in " + file.string() + " expired " + std::to_string(late) + " s ago";
}

Error connect_error(const ConnectOptions& options, natsStatus status) {
  const std::string what = "cannot connect to " + options.url + ": ";
  if (status == NATS_CONNECTION_AUTH_FAILED)
    return {Errc::kDenied, what + "the broker refuses the key" + fault_of_jwt(options.jwt_file)};
  // nats.c begins TLS by itself when the broker asks for it, and trusts the system's authorities.
  const bool tls = options.url.starts_with("tls://");
  if (status == NATS_SECURE_CONNECTION_REQUIRED || (status == NATS_SSL_ERROR && !tls))
    return {Errc::kUnavailable, what + "the broker asks for TLS; write tls:// in its address"};
  if (status == NATS_SECURE_CONNECTION_WANTED)
    return {Errc::kUnavailable, what + "the broker has no TLS; its operator must switch it on"};
  // It does not tell what is wrong with a certificate, or from silence; a look of our own does.
  if (const auto seen = examine_broker(options.url, options.ca_file, options.timeout); !seen)
    return {Errc::kUnavailable, what + seen.error().message};
  return {Errc::kUnavailable, what + natsStatus_GetText(status)};
}

}  // namespace

Errc errc_of(natsStatus status) {
  switch (status) {
    case NATS_TIMEOUT:
    case NATS_MISSED_HEARTBEAT: return Errc::kTimeout;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED: return Errc::kDenied;
    case NATS_NOT_FOUND: return Errc::kNotFound;
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_QUEUE_NAME:
    case NATS_INVALID_ARG:
    case NATS_MAX_PAYLOAD: return Errc::kInvalid;
    case NATS_NO_MEMORY:
    case NATS_ILLEGAL_STATE:
    case NATS_INVALID_TIMEOUT:
    case NATS_NOT_INITIALIZED:
    case NATS_FAILED_TO_INITIALIZE: return Errc::kInternal;
    default: return Errc::kUnavailable;
  }
}

std::unexpected<Error> failed(const std::string& what, natsStatus status) {
  return fail(errc_of(status), what + ": " + natsStatus_GetText(status));
}

bool is_sendable(const std::string& subject) {
  char before = '.';
  for (const char c : subject) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || (c == '.' && before == '.'))
      return false;
    before = c;
  }
  return before != '.';
}

Result<std::shared_ptr<Link>> Link::connect(const ConnectOptions& options,
                                            const std::string& inbox_prefix,
                                            std::stop_token stop) {
  auto handle = make_options(options, inbox_prefix);
  if (!handle) return std::unexpected(handle.error());
  if (hanging_attempts >= kFewAttempts) {
    if (auto ok = probe_broker(options.url, options.ca_file, options.timeout); !ok)
      return std::unexpected(ok.error());
  }
  auto attempt = std::make_shared<Attempt>();
  std::thread([attempt, url = options.url, owned = std::move(*handle)] {
    run_attempt(attempt, url, owned);
  }).detach();
  std::unique_lock lock(attempt->mutex);
  attempt->changed.wait_for(lock, stop, 3 * options.timeout, [&] { return attempt->done; });
  if (!attempt->done) {
    attempt->abandoned = attempt->found;
    if (attempt->found) ++hanging_attempts;
    return fail(Errc::kUnavailable,
                attempt->found
                    ? "the broker at " + options.url +
                          " accepts connections but does not answer; its operator must look at it"
                    : "cannot find the address in " + options.url +
                          ": no name server answers; check the network and the name servers in "
                          "/etc/resolv.conf");
  }
  if (attempt->error) return std::unexpected(*attempt->error);
  if (attempt->status != NATS_OK) return std::unexpected(connect_error(options, attempt->status));
  return std::make_shared<Link>(attempt->connection);
}

Link::Link(natsConnection* handle) : handle_(handle) {}

Link::~Link() {
  auto attempt = std::make_shared<Attempt>();
  std::thread([attempt, handle = handle_] {
    natsConnection_Destroy(handle);
    {
      const std::lock_guard lock(attempt->mutex);
      attempt->done = true;
    }
    attempt->changed.notify_all();
    nats_ReleaseThreadMemory();
  }).detach();
  std::unique_lock lock(attempt->mutex);
  if (!attempt->changed.wait_for(lock, kDestroyWait, [&] { return attempt->done; })) {
    spdlog::warn("broker connection does not end and is left behind");
  }
}

bool Link::connected() const {
  return natsConnection_Status(handle_) == NATS_CONN_STATUS_CONNECTED;
}
bool Link::closed() const { return natsConnection_IsClosed(handle_); }

LinkSubscription::LinkSubscription(std::shared_ptr<Link> link, natsSubscription* handle)
    : link_(std::move(link)), handle_(handle) {}

Result<LinkSubscription> LinkSubscription::open(std::shared_ptr<Link> link,
                                                const std::string& subject,
                                                const std::string& queue) {
  if (!is_sendable(subject) || subject.empty())
    return fail(Errc::kInvalid, "bad subject: " + subject);
  natsSubscription* handle = nullptr;
  const auto status =
      queue.empty()
          ? natsConnection_SubscribeSync(&handle, link->get(), subject.c_str())
          : natsConnection_QueueSubscribeSync(&handle, link->get(), subject.c_str(), queue.c_str());
  if (status != NATS_OK) return failed("cannot subscribe to " + subject, status);
  natsSubscription_SetPendingLimits(handle, kMaxPendingMessages, kMaxPendingBytes);
  return LinkSubscription(std::move(link), handle);
}

LinkSubscription& LinkSubscription::operator=(LinkSubscription&& other) noexcept {
  close();
  handle_ = std::move(other.handle_);
  link_ = std::move(other.link_);
  return *this;
}

LinkSubscription::~LinkSubscription() { close(); }

void LinkSubscription::close() {
  if (!handle_) return;
  // nats.c 3.4.1 may crash when a message arrives for a subscription that is being destroyed; after
  // the flush none can.
  if (natsSubscription_Unsubscribe(handle_.get()) == NATS_OK && link_->connected()) {
    natsConnection_FlushTimeout(link_->get(), kUnsubscribeFlushMs);
  }
  handle_.reset();
}

std::uint64_t LinkSubscription::queued() const {
  std::uint64_t count = 0;
  return natsSubscription_QueuedMsgs(handle_.get(), &count) == NATS_OK ? count : 0;
}

natsStatus LinkSubscription::next(MessageHandle& message, std::chrono::milliseconds timeout) {
  natsMsg* raw = nullptr;
  const auto status =
      natsSubscription_NextMsg(&raw, handle_.get(), std::max<std::int64_t>(1, timeout.count()));
  message.reset(raw);
  return status;
}

}  // namespace worldshare::nats
