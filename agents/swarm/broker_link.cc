#include "agents/swarm/broker_link.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/post.hpp>
#include <charconv>

namespace worldshare::swarm {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 64U << 10U;

/// RFC 4648's alphabet for URLs, without padding.
std::string base64url(ByteView bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = (bits << 8U) | byte;
    for (held += 8; held >= 6; held -= 6) out += kDigits[(bits >> (held - 6)) & 63U];
  }
  if (held > 0) out += kDigits[(bits << (6 - held)) & 63U];
  return out;
}

/// The text of a JSON field that holds no escapes, as a broker's nonce.
std::string_view field(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) return {};
  const auto begin = at + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

}  // namespace

Result<BrokerAddress> parse_broker_url(const std::string& url) {
  constexpr std::string_view kScheme = "nats://";
  const auto colon = url.rfind(':');
  BrokerAddress out;
  const bool has_port =
      url.starts_with(kScheme) && colon != std::string::npos && colon > kScheme.size();
  const char* end = url.data() + url.size();
  const auto parsed = has_port ? std::from_chars(url.data() + colon + 1, end, out.port)
                               : std::from_chars_result{end, std::errc::invalid_argument};
  if (parsed.ec != std::errc{} || parsed.ptr != end) {
    return fail(Errc::kInvalid, "--nats: must be nats://address:port, not " + url);
  }
  out.host = url.substr(kScheme.size(), colon - kScheme.size());
  return out;
}

BrokerLink::BrokerLink(asio::io_context& context, const NKey& key, Events events)
    : key_(key), events_(std::move(events)), socket_(context) {
  wire_.info = [this](std::string_view json) { say_hello(json); };
  wire_.ping = [this] { send("PONG\r\n"); };
  wire_.pong = [this] {
    if (auto ready = std::exchange(events_.ready, nullptr)) ready();
  };
  wire_.error = [this](std::string_view text) {
    // A refused publish or subscription is news, not an end; the broker closes when it is one.
    if (text.contains("Authorization Violation")) {
      end({Errc::kDenied, "the broker refuses the key"});
    }
  };
  wire_.message = [this](const Delivery& delivery) {
    if (open_) events_.message(delivery);
  };
}

void BrokerLink::connect(const BrokerAddress& address) {
  error_code bad;
  const auto ip = asio::ip::make_address(address.host, bad);
  if (bad) return end({Errc::kInvalid, "--nats: the swarm wants a numeric address"});
  socket_.async_connect({ip, address.port}, [self = shared_from_this()](error_code error) {
    if (!self->open_) return;
    if (error) return self->end({Errc::kUnavailable, error.message()});
    self->socket_.non_blocking(true, error);
    self->socket_.set_option(asio::ip::tcp::no_delay(true), error);
    self->wait_for_input();
  });
}

void BrokerLink::wait_for_input() {
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](error_code error) {
                       if (!self->open_) return;
                       if (error) return self->end({Errc::kUnavailable, error.message()});
                       self->read();
                     });
}

void BrokerLink::read() {
  // One buffer for all links: they share a thread, and an idle one needs none.
  static thread_local std::array<char, kReadBytes> buffer;
  error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(buffer), error);
  if (error && error != asio::error::would_block) {
    return end({Errc::kUnavailable, error.message()});
  }
  const auto fed = parser_.feed({buffer.data(), size}, wire_);
  if (!open_) return;
  if (!fed) return end(fed.error());
  wait_for_input();
}

void BrokerLink::say_hello(std::string_view info) {
  if (!events_.ready) return;  // the broker tells of a change in the cluster
  const std::string signature = base64url(key_.sign(as_bytes(field(info, "nonce"))));
  send(fmt::format(
      R"(CONNECT {{"verbose":false,"pedantic":false,"lang":"worldshare-swarm","version":"{}",)"
      R"("protocol":1,"headers":true,"no_responders":true,"nkey":"{}","sig":"{}"}})"
      "\r\nPING\r\n",
      WORLDSHARE_VERSION, key_.public_key(), signature));
}

void BrokerLink::subscribe(const std::string& subject) {
  send(fmt::format("SUB {} {}\r\n", subject, ++subscriptions_));
}

void BrokerLink::publish(std::string_view subject,
                         std::string_view reply,
                         ByteView data,
                         std::string_view headers) {
  const std::string_view gap = reply.empty() ? "" : " ";
  if (headers.empty()) {
    send(fmt::format("PUB {}{}{} {}\r\n", subject, gap, reply, data.size()));
  } else {
    constexpr std::string_view kVersion = "NATS/1.0\r\n";
    const std::size_t header_bytes = kVersion.size() + headers.size() + 2;
    send(fmt::format("HPUB {}{}{} {} {}\r\n{}{}\r\n", subject, gap, reply, header_bytes,
                     header_bytes + data.size(), kVersion, headers));
  }
  send(as_text(data));
  send("\r\n");
}

void BrokerLink::send(std::string_view text) {
  if (!open_) return;
  outgoing_ += text;
  if (flush_is_due_ || writing_) return;
  flush_is_due_ = true;
  // What one turn of the loop has to say goes out in one piece.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_is_due_ = false;
    if (self->open_) self->flush();
  });
}

void BrokerLink::flush() {
  error_code error;
  const std::size_t sent = socket_.write_some(asio::buffer(outgoing_), error);
  if (error && error != asio::error::would_block) {
    return end({Errc::kUnavailable, error.message()});
  }
  outgoing_.erase(0, sent);
  if (outgoing_.empty()) return;
  writing_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](error_code broken) {
                       self->writing_ = false;
                       if (!self->open_) return;
                       if (broken) return self->end({Errc::kUnavailable, broken.message()});
                       self->flush();
                     });
}

void BrokerLink::close() {
  if (!open_) return;
  error_code ignored;
  if (!outgoing_.empty()) socket_.write_some(asio::buffer(outgoing_), ignored);
  open_ = false;
  socket_.close(ignored);
}

void BrokerLink::end(const Error& error) {
  if (!open_) return;
  open_ = false;
  error_code ignored;
  socket_.close(ignored);
  if (events_.closed) events_.closed(error);
}

}  // namespace worldshare::swarm
