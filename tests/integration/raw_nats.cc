#include "tests/integration/raw_nats.h"

#include <boost/beast/core/detail/base64.hpp>

namespace worldshare::testing {
namespace {

/// URL-safe and unpadded.
std::string base64url(const Bytes& bytes) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::encoded_size(bytes.size()), '\0');
  out.resize(base64::encode(out.data(), bytes.data(), bytes.size()));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

}  // namespace

RawNats::RawNats(std::uint16_t port, const NKey& key, const std::string& jwt) {
  stream_.expires_after(std::chrono::seconds(10));
  stream_.connect("127.0.0.1", std::to_string(port));
  const std::string info = line();
  const std::string field = "\"nonce\":\"";
  const auto begin = info.find(field) + field.size();
  const std::string nonce = info.substr(begin, info.find('"', begin) - begin);
  stream_ << R"(CONNECT {"verbose":false,"pedantic":false,)"
          << (jwt.empty() ? R"("nkey":")" + key.public_key() : R"("jwt":")" + jwt) << R"(","sig":")"
          << base64url(key.sign(as_bytes(nonce))) << "\"}\r\nPING\r\n"
          << std::flush;
  answer_ = line();
  accepted_ = answer_ == "PONG";
}

std::string RawNats::line() {
  std::string out;
  std::getline(stream_, out);
  if (out.ends_with('\r')) out.pop_back();
  return out;
}

bool RawNats::is_cut_off(std::chrono::seconds time) {
  stream_.expires_after(time);
  while (stream_) {
    // A server's questions are answered: an idle client would be cut off for another reason.
    if (line() == "PING") stream_ << "PONG\r\n" << std::flush;
  }
  return stream_.error() != boost::asio::error::timed_out;
}

}  // namespace worldshare::testing
