#include "agents/swarm/uploader.h"

#include <boost/asio/post.hpp>

#include "shared/http/client.h"

namespace worldshare::swarm {
namespace {

constexpr unsigned kMostWaiting = 1000;  // below the inbox's limit, so that push() never waits

}  // namespace

Uploader::Uploader(boost::asio::io_context& context, unsigned threads) : context_(context) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

bool Uploader::put(const std::string& url,
                   std::map<std::string, std::string> headers,
                   Bytes bytes,
                   Done done) {
  if (waiting_ >= kMostWaiting) return false;
  ++waiting_;
  return orders_.push({url, std::move(headers), std::move(bytes), std::move(done)}, {});
}

void Uploader::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto order = orders_.pop(stop, std::chrono::seconds(1));
    if (!order) continue;
    --waiting_;
    const auto response = http::expect_ok(http::put(order->url, order->bytes, {}, order->headers));
    const Result<> outcome = response ? Result<>{} : std::unexpected(response.error());
    boost::asio::post(context_, [done = std::move(order->done), outcome] { done(outcome); });
  }
}

}  // namespace worldshare::swarm
