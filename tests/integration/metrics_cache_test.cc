#include "verifier/metrics_cache.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/ids.h"
#include "tests/support/nats_server.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::testing {
namespace {

using verifier::Comparison;
using verifier::Method;
using verifier::MetricsCache;
using namespace std::chrono_literals;

class MetricsCacheTest : public ::testing::Test {
 protected:
  MetricsCacheTest() : broker_(NatsServer::start()) {
    broker_->provision();
    connection_ = broker_->connect(broker_->verifier());
  }

  std::optional<Comparison> found_soon(MetricsCache& cache) {
    const auto until = std::chrono::steady_clock::now() + 10s;
    for (;;) {
      auto found = cache.find(a_, b_);
      if (found || std::chrono::steady_clock::now() > until) return found;
      std::this_thread::sleep_for(5ms);
    }
  }

  static Comparison measured() {
    Comparison out;
    out.method = Method::kMetrics;
    out.psnr_db = 38.123456789012345;
    out.ssim = 0.97654321;
    out.non_finite_mismatches = 3;
    out.lpips = 0.0123;
    return out;
  }

  void put(const std::string& text) {
    const auto [first, second] = std::minmax(a_, b_);
    ASSERT_TRUE(connection_->publish_stored(
        "$KV.metrics." + first + "." + second + ".v" + std::to_string(verifier::kMetricsVersion),
        as_bytes(text), new_id(), "", 5s));
  }

  const std::string a_ = to_hex(sha256(as_bytes("a")));
  const std::string b_ = to_hex(sha256(as_bytes("b")));
  std::unique_ptr<NatsServer> broker_;
  std::unique_ptr<nats::Connection> connection_;
};

TEST_F(MetricsCacheTest, GivesBackWhatAnotherVerifierMeasured) {
  MetricsCache writer(*connection_, "alex");
  EXPECT_FALSE(writer.find(a_, b_));
  writer.keep(a_, b_, measured());
  MetricsCache reader(*connection_, "alex");
  const auto found = found_soon(reader);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->method, Method::kMetrics);
  EXPECT_EQ(found->psnr_db, measured().psnr_db);
  EXPECT_EQ(found->ssim, measured().ssim);
  EXPECT_EQ(found->non_finite_mismatches, 3U);
  EXPECT_EQ(found->lpips, measured().lpips);
  EXPECT_TRUE(reader.find(b_, a_)) << "the order does not matter";
  EXPECT_FALSE(reader.find(a_, a_));
  EXPECT_FALSE(MetricsCache(*connection_, "squeeze").find(a_, b_)->lpips) << "another network";
}

TEST_F(MetricsCacheTest, IdenticalPixelsHaveNoFigures) {
  MetricsCache cache(*connection_, "");
  cache.keep(a_, b_, verifier::identical(Method::kSamePixels));
  const auto found = found_soon(cache);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->method, Method::kSamePixels);
  EXPECT_FALSE(found->psnr_db);
}

TEST_F(MetricsCacheTest, WhatIsNotOursIsNothing) {
  MetricsCache cache(*connection_, "alex");
  for (const std::string text :
       {"", "{", "[]", "{\"method\": \"metrics\"}", R"({"method": "metrics", "psnr_db": 9})",
        R"({"method": "same_blob", "non_finite_mismatches": 0})",
        R"({"method": "metrics", "ssim": "1", "non_finite_mismatches": 0})",
        R"({"method": "metrics", "ssim": 1, "non_finite_mismatches": -1})",
        R"({"method": 1, "ssim": 1, "non_finite_mismatches": 0})"}) {
    put(text);
    EXPECT_FALSE(cache.find(a_, b_)) << text;
  }
  put(R"({"method": "metrics", "ssim": 1, "non_finite_mismatches": 0})");
  EXPECT_TRUE(cache.find(a_, b_));
}

/// Stops a process and waits until each of its threads stands still.
void freeze(pid_t pid) {
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto stands = [&] {
    for (const auto& task : std::filesystem::directory_iterator(std::filesystem::path("/proc") /
                                                                std::to_string(pid) / "task")) {
      const auto stat = read_file(task.path() / "stat", 4096);
      if (!stat || !stat->substr(stat->rfind(')') + 1).starts_with(" T")) return false;
    }
    return true;
  };
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!stands() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(stands());
}

TEST_F(MetricsCacheTest, ABrokerThatIsSilentCostsOneShortWait) {
  MetricsCache cache(*connection_, "alex");
  cache.keep(a_, b_, measured());
  ASSERT_TRUE(found_soon(cache));
  freeze(broker_->pid());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(cache.find(a_, b_));
    cache.keep(a_, b_, measured());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  ::kill(broker_->pid(), SIGCONT);
}

TEST_F(MetricsCacheTest, ABrokerThatIsGoneIsNotWaitedFor) {
  MetricsCache cache(*connection_, "alex");
  broker_->kill();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(cache.find(a_, b_));
    cache.keep(a_, b_, measured());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST(MetricsCacheWithoutBucket, IsNothing) {
  const auto broker = NatsServer::start();
  const auto connection = broker->connect(broker->verifier());
  MetricsCache cache(*connection, "alex");
  const std::string name = to_hex(sha256(as_bytes("a")));
  const auto begin = std::chrono::steady_clock::now();
  cache.keep(name, name, {});
  EXPECT_FALSE(cache.find(name, name));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

}  // namespace
}  // namespace worldshare::testing
