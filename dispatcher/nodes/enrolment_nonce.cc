#include "dispatcher/nodes/enrolment_nonce.h"

#include <array>
#include <charconv>

#include "shared/crypto.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::minutes kNonceLife{5};

}  // namespace

EnrolmentNonce::EnrolmentNonce(std::string secret) : secret_(std::move(secret)) {
  WS_CHECK(secret_.size() >= 32, "enrolment secret of at least 32 bytes");
}

std::string EnrolmentNonce::mac(const std::string& head, const std::string& agent) const {
  const std::string text = "worldshare enrolment nonce 1\n" + head + "\n" + agent + "\n";
  return to_hex(hmac_sha256(as_bytes(secret_), as_bytes(text)));
}

EnrolmentNonce::Challenge EnrolmentNonce::make(const std::string& agent,
                                               Clock::TimePoint now) const {
  std::array<std::uint8_t, 16> random{};
  random_bytes(random);
  const auto expires = now + kNonceLife;
  const std::string head = to_hex(random) + "." + std::to_string(unix_ms(expires));
  return {head + "." + mac(head, agent), expires};
}

Result<> EnrolmentNonce::check(const std::string& nonce,
                               const std::string& agent,
                               Clock::TimePoint now) const {
  const auto last = nonce.rfind('.');
  const auto first = nonce.find('.');
  if (last == std::string::npos || first == last ||
      !equal_constant_time(nonce.substr(last + 1), mac(nonce.substr(0, last), agent))) {
    return fail(Errc::kDenied, "the nonce was not given to this key; ask for a new challenge");
  }
  std::uint64_t expires_ms = 0;
  std::from_chars(nonce.data() + first + 1, nonce.data() + last, expires_ms);
  if (unix_ms(now) > expires_ms)
    return fail(Errc::kDenied, "the nonce has expired; ask for a new challenge");
  return {};
}

}  // namespace worldshare::dispatcher
