#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "shared/bytes.h"
#include "shared/inbox.h"
#include "shared/result.h"

namespace worldshare::swarm {

/// Puts artifacts to signed URLs on a few threads of its own, so that the swarm's thread never
/// waits for HTTP. The destructor gives up what has not begun.
class Uploader {
 public:
  using Done = std::function<void(const Result<>&)>;
  /// `done` callbacks run in `context`, which must outlive this.
  Uploader(boost::asio::io_context& context, unsigned threads);

  /// False: too much waits already; try again later.
  bool put(const std::string& url,
           std::map<std::string, std::string> headers,
           Bytes bytes,
           Done done);

 private:
  struct Order {
    std::string url;
    std::map<std::string, std::string> headers;
    Bytes bytes;
    Done done;
  };
  void work(const std::stop_token& stop);

  boost::asio::io_context& context_;
  Inbox<Order> orders_{1024};
  std::atomic<unsigned> waiting_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace worldshare::swarm
