#include "dispatcher/access/rate_limiter.h"

#include <gtest/gtest.h>

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

class StillClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void go_on(std::chrono::milliseconds time) { now_ += time; }

 private:
  TimePoint now_ = from_unix_ms(1'700'000'000'000);
};

class RateLimiterTest : public testing::Test {
 protected:
  StillClock clock_;
  RateLimiter limiter_{clock_};
  const RateLimiter::Limit limit_{2, 4};  // two a second, four at once
};

TEST_F(RateLimiterTest, RefusesWhatIsBeyondTheBurstAndSaysWhenToComeBack) {
  for (unsigned left : {3U, 2U, 1U, 0U}) {
    const auto standing = limiter_.take("anna", limit_);
    EXPECT_TRUE(standing.allowed);
    EXPECT_EQ(standing.limit, 4U);
    EXPECT_EQ(standing.remaining, left);
  }
  const auto refused = limiter_.take("anna", limit_);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_in, 1U);
  EXPECT_EQ(refused.full_in, 2U);
  EXPECT_TRUE(limiter_.take("bert", limit_).allowed) << "everybody has a bucket of their own";
  clock_.go_on(500ms);
  EXPECT_TRUE(limiter_.take("anna", limit_).allowed);
  EXPECT_FALSE(limiter_.take("anna", limit_).allowed);
}

TEST_F(RateLimiterTest, ARefusalTakesNothingAndALookNeither) {
  EXPECT_FALSE(limiter_.take("anna", limit_, 5).allowed);
  EXPECT_EQ(limiter_.look("anna", limit_).remaining, 4U);
  EXPECT_TRUE(limiter_.take("anna", limit_, 4).allowed);
  EXPECT_EQ(limiter_.take("anna", limit_, 3).retry_in, 2U);
}

TEST_F(RateLimiterTest, NoLimitIsNone) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter_.take("anna", {0, 0}).allowed);
  EXPECT_EQ(limiter_.take("anna", {0, 0}).limit, 0U);
  EXPECT_EQ(limiter_.keys(), 0U);
}

TEST_F(RateLimiterTest, ForgetsWhoWasNotThereForLong) {
  for (int i = 0; i < 1'024; ++i) limiter_.take(std::to_string(i), limit_);
  clock_.go_on(61s);
  limiter_.take("anna", limit_);
  EXPECT_EQ(limiter_.keys(), 1U);
}

TEST_F(RateLimiterTest, AClockThatGoesBackGivesNothing) {
  EXPECT_TRUE(limiter_.take("anna", limit_, 4).allowed);
  clock_.go_on(-10s);
  EXPECT_FALSE(limiter_.take("anna", limit_).allowed);
}

}  // namespace
}  // namespace worldshare::dispatcher
