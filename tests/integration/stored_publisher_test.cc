#include "shared/nats/stored_publisher.h"

#include <gtest/gtest.h>

#include <thread>

#include "shared/ids.h"
#include "tests/support/nats_server.h"

namespace worldshare::nats {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using worldshare::testing::NatsServer;

class StoredPublishing : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = NatsServer::start();
    server_->provision();
    connection_ = server_->connect(server_->verifier());
  }

  static std::vector<StoredMessage> verdicts(int count) {
    std::vector<StoredMessage> out;
    for (int i = 0; i < count; ++i) {
      const std::string text = std::to_string(i);
      out.push_back({"verdicts.j", Bytes(text.begin(), text.end()), new_id(), "verdict " + text});
    }
    return out;
  }

  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(StoredPublishing, StoresAllInTheirOrder) {
  StoredPublisher publisher(*connection_);
  const auto messages = verdicts(500);
  const auto answers = publisher.publish(messages, 5s);
  ASSERT_EQ(answers.size(), 500U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i]) << answers[i].error().message;
    EXPECT_EQ(answers[i]->sequence, i + 1);
    EXPECT_FALSE(answers[i]->duplicate);
  }
  for (const auto& answer : publisher.publish(messages, 5s)) EXPECT_TRUE(answer->duplicate);
  EXPECT_TRUE(publisher.publish({}, 5s).empty());
}

TEST_F(StoredPublishing, OneRefusalLeavesTheOthers) {
  StoredPublisher publisher(*connection_);
  auto messages = verdicts(3);
  messages[1].subject = "nobody.listens";
  const auto answers = publisher.publish(messages, 5s);
  EXPECT_TRUE(answers[0]);
  ASSERT_FALSE(answers[1]);
  EXPECT_EQ(answers[1].error().code, Errc::kUnavailable);
  EXPECT_TRUE(answers[2]);
  messages[1].subject = "verdicts. j";
  EXPECT_EQ(publisher.publish(messages, 5s)[1].error().code, Errc::kInvalid);
}

TEST_F(StoredPublishing, ABrokerThatIsAwayIsToldAtOnceAndItsReturnIsUsed) {
  StoredPublisher publisher(*connection_);
  const auto messages = verdicts(10);
  server_->kill();
  while (connection_->connected()) std::this_thread::sleep_for(5ms);
  for (const auto& answer : publisher.publish(messages, 5s)) {
    ASSERT_FALSE(answer);
    EXPECT_TRUE(is_retryable(answer.error().code)) << answer.error().message;
  }
  server_->restart();
  while (!connection_->connected()) std::this_thread::sleep_for(5ms);
  for (const auto& answer : publisher.publish(messages, 5s)) EXPECT_TRUE(answer);
}

}  // namespace
}  // namespace worldshare::nats
