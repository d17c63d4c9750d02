#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

/// A broker whose list of agents a follower keeps.
class FollowTest : public DispatcherTest {
 protected:
  void SetUp() override {
    DispatcherTest::SetUp();
    follower_config_ = config_;
    follower_config_.agents_conf_file = broker_->agents_file();
    follower_config_.broker_pid_file = folder_.path() / "nats.pid";
    follower_config_.broker_monitor_url = broker_->monitor_url();
    note_pid();
    follower_ = std::jthread([this](std::stop_token stop) {
      EXPECT_TRUE(dispatcher::follow_enrolments(follower_config_, stop));
    });
  }
  void TearDown() override {
    follower_ = {};
    DispatcherTest::TearDown();
  }

  void note_pid() {
    ASSERT_TRUE(write_file_atomically(folder_.path() / "nats.pid", std::to_string(broker_->pid())));
  }
  bool gets_in(const NKey& key) {
    return nats::Connection::open(broker_->options(key)).has_value();
  }

  dispatcher::Config follower_config_;
  std::jthread follower_;
};

TEST_F(FollowTest, WhoIsEnrolledComesInAndWhoIsRevokedDoesNot) {
  const NKey key = NKey::generate();
  ASSERT_TRUE(dispatcher::enrol_agent(config_, key.public_key(), "ann", {}));
  EXPECT_TRUE(eventually([&] { return gets_in(key); }));
  ASSERT_TRUE(dispatcher::revoke_agent(config_, key.public_key(), {}));
  EXPECT_TRUE(eventually([&] { return !gets_in(key); }));
}

TEST_F(FollowTest, ABrokerThatWasAwayIsToldWhenItIsBack) {
  const NKey key = NKey::generate();
  broker_->kill();
  ASSERT_TRUE(dispatcher::enrol_agent(config_, key.public_key(), "ann", {}));
  broker_->restart();
  note_pid();
  EXPECT_TRUE(eventually([&] { return gets_in(key); }));
}

TEST(Follow, NeedsAFileToWrite) {
  EXPECT_EQ(dispatcher::follow_enrolments({}, {}).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::testing
