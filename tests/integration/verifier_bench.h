#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/messages/messages.h"
#include "shared/nats/connection.h"
#include "shared/pg/connection.h"
#include "tests/support/nats_server.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_folder.h"
#include "verifier/config.h"

namespace worldshare::testing {

/// A volunteer: an agent that the broker lets in and its owner's row.
struct Volunteer {
  NKey key;
  std::string owner;
  std::unique_ptr<nats::Connection> connection;
  const std::string& agent() const { return key.public_key(); }
};

/// A lease that a volunteer holds.
struct Lease {
  std::string id;
  std::int64_t unit = 0;
  Volunteer* holder = nullptr;
  Bytes ticket;
};

/// A database, a blob folder and volunteers around running verifiers: everything that a verifier
/// meets, with rows as the dispatcher writes them. One thread.
class VerifierBench {
 public:
  VerifierBench(NatsServer& broker, PostgresServer& postgres);

  /// A verifier in this process; stops with this object.
  void start_verifier(std::uint32_t workers = 2);
  void start_verifier(const verifier::Config& config);
  void stop_verifiers();
  /// With two equal results for a frame and nobody tested, unless use_policy() said otherwise.
  verifier::Config config() const;
  /// Of verifiers that are started later: one of policy.yaml, with a share of canaries.
  void use_policy(const std::string& name, double canaries = 0);

  Volunteer& volunteer(const std::string& owner);
  /// A job of one frame, of 24x20 pixels as PNG unless told otherwise, its unit's id.
  std::int64_t unit(unsigned replicas, unsigned max_replicas, const std::string& output = kOutput);
  static constexpr const char* kOutput = R"({"width": 24, "height": 20})";
  Lease lease(std::int64_t unit, Volunteer& holder);
  /// New tickets for these leases of whole frames, under one signature.
  void sign_together(std::vector<Lease>& leases);
  /// Stores the blob, and commits the lease to it. Its hash.
  std::string commit(const Lease& lease, const Bytes& artifact);
  /// A result that names this artifact, ready to be signed.
  wire::ResultT rendered(const Lease& lease, const Bytes& artifact) const;
  wire::ResultT failed(const Lease& lease, const std::string& code) const;
  /// Signed by the holder and stored in the stream.
  void send(const Lease& lease, const wire::ResultT& result, const std::string& message_id = "");
  /// commit(), rendered() and send().
  void render(const Lease& lease, const Bytes& artifact);
  nats::Connection& trusted() { return *operator_; }
  /// As the trusted account, so that the subject may be anything.
  void send_raw(const std::string& subject, const Bytes& data);

  /// The verdict on that lease as it was published; fails the test after 30 s.
  wire::VerdictT verdict(const Lease& lease);
  /// How long the stream waits for an ack of a result before it gives it to another verifier.
  void set_ack_wait(std::chrono::seconds time);
  /// How often a verdict on that lease has been published.
  int verdict_count(const Lease& lease);
  /// First column of the first row as text.
  std::string query(const std::string& sql);
  void execute(const std::string& sql);
  /// The reason of the next message that was put aside.
  std::string next_rejection();
  bool eventually(const std::function<bool()>& condition);

 private:
  void read_verdicts();

  NatsServer& broker_;
  TempFolder folder_;
  std::string conninfo_;
  std::string policy_ = "founding";
  pg::Connection database_;
  std::unique_ptr<nats::Connection> operator_;
  std::optional<nats::Subscription> verdict_subscription_;
  std::optional<nats::Subscription> rejections_;
  std::map<std::string, std::vector<wire::VerdictT>> verdicts_;
  std::map<std::string, Volunteer> volunteers_;
  std::vector<std::jthread> verifiers_;
};

/// One broker and one PostgreSQL for all tests of a suite, a bench for each test.
class VerifierBenchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1);
    broker_ = NatsServer::start();
    broker_->provision();
    postgres_ = PostgresServer::start();
  }
  static void TearDownTestSuite() {
    postgres_.reset();
    broker_.reset();
  }
  void SetUp() override { bench_ = std::make_unique<VerifierBench>(*broker_, *postgres_); }
  void TearDown() override { bench_.reset(); }

  static inline std::unique_ptr<NatsServer> broker_;
  static inline std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<VerifierBench> bench_;
};

/// A PNG of 24x20 pixels with noise of that seed; so many samples are brighter by one of 255.
Bytes picture(unsigned seed, int error = 0);
/// The same, brighter everywhere.
Bytes brighter_picture(unsigned seed, int error);

}  // namespace worldshare::testing
