#include <gmock/gmock.h>

#include "tests/unit/hearing_audit_fixture.h"

// Trusted hardware in hearings: asked where volunteers contradict each other, and believed.

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using wire::Decision;

class HearingTrustedTest : public HearingAuditTest {
 protected:
  HearingTrustedTest() { trusted_ = true; }

  /// A unit with the picture `of`; the first of its three audits failed, if `slander` or it is
  /// wrong.
  Minutes doubted(const std::string& of, const std::string& auditor_has) {
    render("a", of);
    sit();
    audit("b", 0, auditor_has);
    audit("c", 1, of);
    audit("d", 2, of);
    return sit();
  }

  /// The machine's answers, as often as it is asked, until nothing is asked of it.
  Minutes settle(const std::string& picture) {
    Minutes minutes;
    for (std::size_t n = 3; n < papers_.audits.size() && !papers_.ending; ++n) {
      if (!papers_.audits[n].order.trusted) break;
      machine("t" + std::to_string(n), n, picture);
      minutes = sit();
    }
    return minutes;
  }

  /// All of one owner.
  Submission& machine(const std::string& lease, std::size_t n, const std::string& picture) {
    Submission& out = audit(lease, n, picture);
    out.lease.owner = "the machine";
    return out;
  }

  static std::vector<std::string> blamed(const Minutes& minutes) {
    std::vector<std::string> out;
    for (const auto& event : minutes.trust) {
      if (event.bad > 0) out.push_back(event.owner);
    }
    return out;
  }
};

TEST_F(HearingTrustedTest, AFailedAuditIsLookedAtByTrustedHardwareAlone) {
  const Minutes minutes = doubted(picture(1), picture(9));
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::pending);
  ASSERT_EQ(minutes.audit_orders.size(), 1U) << "one after the other";
  EXPECT_TRUE(minutes.audit_orders[0].order.trusted);
  EXPECT_EQ(minutes.audit_orders[0].order.target, "a");
  EXPECT_EQ(minutes.audit_orders[0].order.tiles, 256U);
  EXPECT_THAT(minutes.verdicts.back().verdict.reason, HasSubstr("waiting for trusted hardware"));
  EXPECT_THAT(minutes.verdicts.back().policy, HasSubstr("by audits and trusted hardware"));
}

TEST_F(HearingTrustedTest, ThreePassesDismissAFailedAuditAndTheSlandererEarnsNothing) {
  const std::string right = picture(1);
  doubted(right, picture(9));
  const Minutes minutes = settle(right);
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(minutes.verdicts.back().verdict.artifact, right);
  EXPECT_EQ(minutes.verdicts.back().verdict.opinions, 1);
  EXPECT_EQ(papers_.audits.size(), 6U) << "three by volunteers, three by the machine";
  EXPECT_THAT(minutes.verdicts.back().verdict.reason,
              HasSubstr("owner of d and trusted hardware: nothing was found"));
  EXPECT_EQ(minutes.judged.at("b"), "rejected");
  EXPECT_TRUE(blamed(minutes).empty());
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "c", "d", "t3", "t4", "t5"));
}

TEST_F(HearingTrustedTest, TwoFailuresProveAResultWrongAndAnotherOwnerIsAsked) {
  const std::string wrong = picture(2);
  const std::string right = picture(1);
  doubted(wrong, right);
  machine("t3", 3, right);
  EXPECT_TRUE(sit().trust.empty()) << "one failure proves nothing";
  machine("t4", 4, right);
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_EQ(blamed(minutes), std::vector<std::string>{"owner of a"});
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  render("e", right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  EXPECT_TRUE(blamed(minutes).empty()) << "it is blamed once";
  for (std::size_t n = 5; n < papers_.audits.size(); ++n) {
    EXPECT_EQ(papers_.audits[n].order.target, "e");
    audit("f" + std::to_string(n), n, right);
  }
  minutes = sit();
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"e"});
  EXPECT_TRUE(blamed(minutes).empty());
  EXPECT_EQ(std::ranges::count(minutes.credited, "a"), 0);
  EXPECT_EQ(std::ranges::count(minutes.credited, "b"), 1) << "its audit was right";
}

TEST_F(HearingTrustedTest, WhoReturnsAProvenFaultAgainIsProvedWrongWithIt) {
  const std::string wrong = picture(2);
  doubted(wrong, picture(1));
  settle(picture(1));
  render("copy", wrong);
  const Minutes minutes = sit();
  EXPECT_EQ(blamed(minutes), std::vector<std::string>{"owner of copy"});
  EXPECT_EQ(minutes.judged.at("copy"), "rejected");
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
}

TEST_F(HearingTrustedTest, WhatIsProvedWrongIsNotAcceptedWhereNobodyIsLeftToAsk) {
  const std::string wrong = picture(2);
  const std::string right = picture(1);
  doubted(wrong, right);
  machine("t3", 3, right);
  sit();
  render("copy", wrong);
  sit();
  few_owners_ = {"owner of a", "owner of b", "owner of c", "owner of d", "owner of copy"};
  machine("t4", 4, right);
  const Minutes minutes = sit();
  EXPECT_NE(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(blamed(minutes).size(), 2U);
}

TEST_F(HearingTrustedTest, WhatStaysDisputedIsRenderedAndThatPictureIsAccepted) {
  rules_ = rules("replicated");
  papers_.replicas_wanted = 4;
  const std::string right = picture(1);
  for (const char* lease : {"x", "y"}) render(lease, picture(2));
  for (const char* lease : {"a", "b"}) render(lease, right);
  Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::pending);
  ASSERT_EQ(minutes.audit_orders.size(), 1U) << "two groups: somebody colludes";
  EXPECT_TRUE(minutes.audit_orders[0].order.whole());
  EXPECT_TRUE(minutes.audit_orders[0].order.trusted);
  machine("t", 0, right);
  minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::accepted});
  EXPECT_EQ(minutes.verdicts[0].verdict.artifact, right);
  EXPECT_EQ(minutes.verdicts[0].verdict.opinions, 4) << "the truth is no opinion";
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"t"});
  EXPECT_THAT(minutes.verdicts[0].verdict.reason,
              HasSubstr("rendered by trusted hardware; 2 other(s) agree, 2 rejected"));
  EXPECT_THAT(blamed(minutes), UnorderedElementsAre("owner of x", "owner of y"));
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "b", "t"));
  render("late", right);
  minutes = sit();
  EXPECT_THAT(minutes.verdicts[0].verdict.reason, HasSubstr("accepted before, alike"));
}

/// What PostgreSQL refuses would lose the result that is heard.
TEST_F(HearingTrustedTest, AWholePictureIsOrderedInTheFormOfTheTableThoughNoSamplesAreKnown) {
  rules_ = rules("replicated");
  papers_.replicas_wanted = 4;
  for (const char* lease : {"x", "y"}) render(lease, picture(2)).lease.samples = 0;
  for (const char* lease : {"a", "b"}) render(lease, picture(1)).lease.samples = 0;
  const Minutes minutes = sit();
  ASSERT_EQ(minutes.audit_orders.size(), 1U);
  EXPECT_TRUE(minutes.audit_orders[0].order.whole());
  EXPECT_EQ(minutes.audit_orders[0].order.samples, 1U);
}

TEST_F(HearingTrustedTest, WhereTheManifestsOwnersAreNotEnoughItRendersInsteadOfFailing) {
  rules_ = rules("replicated");
  papers_.replicas_wanted = 3;
  unsigned seed = 1;
  for (const char* lease : {"a", "b", "c"}) render(lease, picture(seed++)).lease.policy = {2, 3};
  Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::pending)
      << minutes.verdicts.back().verdict.reason;
  ASSERT_EQ(minutes.audit_orders.size(), 1U);
  EXPECT_TRUE(minutes.audit_orders[0].order.whole());
  machine("t", 0, picture(3)).lease.policy = {2, 3};
  minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::accepted});
  EXPECT_EQ(minutes.judged.at("c"), "agreed");
  EXPECT_THAT(blamed(minutes), UnorderedElementsAre("owner of a", "owner of b"));
}

TEST_F(HearingTrustedTest, AMachineThatCannotIsAskedThriceAndThenDoneWithout) {
  const std::string right = picture(1);
  doubted(right, picture(9));
  machine("t3", 3, "").result.error_code = "crash";
  sit();
  auto& useless = machine("t4", 4, "");
  useless.finding = {Finding::Outcome::kVoid, "it names no artifact"};
  sit();
  EXPECT_EQ(papers_.audits[4].finding, "it names no artifact");
  machine("t5", 5, right).result.renderer = "Blender 4.5.0 cuda";
  sit();
  EXPECT_EQ(open(), 0U) << "nothing is asked of it any more";
  for (const char* lease : {"e", "f", "g"}) render(lease, right);
  const Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
}

TEST_F(HearingTrustedTest, OnceItHasLeftVolunteersDecide) {
  const std::string right = picture(1);
  doubted(right, picture(9));
  ASSERT_EQ(open(), 1U);
  trusted_ = false;
  render("e", right).lease.instead_of_audits = true;
  Minutes minutes = sit();
  EXPECT_EQ(open(), 0U) << "it is not waited for";
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas})
      << minutes.verdicts.back().verdict.reason;
  for (const char* lease : {"f", "g"}) render(lease, right);
  minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
}

TEST_F(HearingTrustedTest, APictureThatComesTooLateChangesNothing) {
  rules_ = rules("replicated");
  papers_.replicas_wanted = 4;
  const std::string right = picture(1);
  for (const char* lease : {"x", "y"}) render(lease, picture(2));
  for (const char* lease : {"a", "b"}) render(lease, right);
  sit();
  papers_.ending = Ending{};
  machine("t", 0, right);
  const Minutes minutes = sit();
  EXPECT_THAT(minutes.verdicts.back().verdict.reason, HasSubstr("judged before"));
  EXPECT_TRUE(minutes.outputs.empty());
}

TEST_F(HearingTrustedTest, WithoutItNothingIsOrderedOfIt) {
  trusted_ = false;
  doubted(picture(1), picture(9));
  for (const auto& one : papers_.audits) EXPECT_FALSE(one.order.trusted);
}

}  // namespace
}  // namespace worldshare::verifier
