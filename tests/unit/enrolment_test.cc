#include <gtest/gtest.h>

#include "dispatcher/nodes/attempt_limit.h"
#include "dispatcher/nodes/enrolment_nonce.h"
#include "shared/crypto.h"

namespace worldshare::dispatcher {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  TimePoint now_{std::chrono::hours(24 * 365 * 50)};
};

TEST(AttemptLimit, CountsByAddressAndAltogether) {
  FakeClock clock;
  AttemptLimit limit({.each = 2, .all = 3, .window = 60s}, clock);
  EXPECT_TRUE(limit.allow("a"));
  EXPECT_TRUE(limit.allow("a"));
  EXPECT_FALSE(limit.allow("a"));
  EXPECT_TRUE(limit.allow("b"));
  EXPECT_FALSE(limit.allow("c")) << "three of everybody are through";
  clock.now_ += 60s;
  EXPECT_TRUE(limit.allow("a"));
}

TEST(AttemptLimit, AClockThatIsSetBackDoesNotCloseTheDoor) {
  FakeClock clock;
  AttemptLimit limit({.each = 1, .all = 10, .window = 60s}, clock);
  EXPECT_TRUE(limit.allow("a"));
  clock.now_ -= std::chrono::hours(48);
  EXPECT_TRUE(limit.allow("a"));
  EXPECT_FALSE(limit.allow("a"));
}

TEST(EnrolmentNonce, IsForOneKeyAndAWhile) {
  FakeClock clock;
  const EnrolmentNonce nonces(std::string(32, 's'));
  const std::string mine = NKey::generate().public_key();
  const auto made = nonces.make(mine, clock.now());
  EXPECT_TRUE(nonces.check(made.nonce, mine, clock.now()));
  EXPECT_TRUE(EnrolmentNonce(std::string(32, 's')).check(made.nonce, mine, made.expires))
      << "another dispatcher with the same secret knows it too";
  EXPECT_FALSE(nonces.check(made.nonce, NKey::generate().public_key(), clock.now()));
  EXPECT_FALSE(EnrolmentNonce(std::string(32, 't')).check(made.nonce, mine, clock.now()));
  const auto late = nonces.check(made.nonce, mine, made.expires + 1s);
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().message.contains("has expired"));
  EXPECT_NE(nonces.make(mine, clock.now()).nonce, made.nonce);
}

TEST(EnrolmentNonce, RefusesWhatItDidNotMake) {
  FakeClock clock;
  const EnrolmentNonce nonces(std::string(32, 's'));
  const std::string mine = NKey::generate().public_key();
  std::string longer = nonces.make(mine, clock.now()).nonce;
  longer.insert(longer.find('.') + 1, "9");
  for (const std::string& text : {std::string(), std::string("."), std::string(".."),
                                  std::string("a.b"), std::string("a.1.b"), longer})
    EXPECT_FALSE(nonces.check(text, mine, clock.now())) << text;
}

}  // namespace
}  // namespace worldshare::dispatcher
