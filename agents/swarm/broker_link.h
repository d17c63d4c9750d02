#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agents/swarm/wire_parser.h"
#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::swarm {

/// Where the broker listens.
struct BrokerAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 4222;
};

/// nats://host:port; kInvalid otherwise.
Result<BrokerAddress> parse_broker_url(const std::string& url);

/// One agent's own connection to the broker, with its own nkey, on the swarm's single thread: a
/// thousand of them cost a thousand sockets and no thread. Speaks NATS itself, because the client
/// library takes two threads a connection. It does not reconnect: whoever owns it makes a new one.
/// Calls back from the io_context only; after close() no more.
class BrokerLink : public std::enable_shared_from_this<BrokerLink> {
 public:
  struct Events {
    std::function<void()> ready;  ///< the broker has let the agent in
    std::function<void(const Delivery&)> message;
    std::function<void(const Error&)> closed;  ///< once, also when it was never ready
  };
  /// `key` must outlive it.
  BrokerLink(boost::asio::io_context& context, const NKey& key, Events events);

  void connect(const BrokerAddress& address);
  void subscribe(const std::string& subject);
  /// `headers`: lines that end with CR LF, empty for none.
  void publish(std::string_view subject,
               std::string_view reply,
               ByteView data,
               std::string_view headers = {});
  /// Sends what is queued as far as the socket takes it, then ends without a callback.
  void close();

 private:
  void wait_for_input();
  void read();
  void say_hello(std::string_view info);
  void send(std::string_view text);
  void flush();
  void end(const Error& error);

  const NKey& key_;
  Events events_;
  WireEvents wire_;
  boost::asio::ip::tcp::socket socket_;
  WireParser parser_;
  std::string outgoing_;
  std::uint64_t subscriptions_ = 0;
  bool flush_is_due_ = false;
  bool writing_ = false;
  bool open_ = true;
};

}  // namespace worldshare::swarm
