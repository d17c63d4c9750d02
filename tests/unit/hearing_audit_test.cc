#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/hearing_audit_fixture.h"

// Audits in hearings: ordered after a result, answered by others, weighed, paid. Here who audits
// honestly hands in the picture that is right, as one would who renders all of it.

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using wire::Decision;

TEST_F(HearingAuditTest, OneRenderAndItsAuditsAreEnough) {
  const std::string right = picture(1);
  render("a", right);
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  EXPECT_EQ(minutes.verdicts[0].verdict.replicas_needed, 0);
  EXPECT_THAT(minutes.verdicts[0].verdict.reason,
              HasSubstr("rendered by owner of a; waiting for 3 audits"));
  ASSERT_EQ(minutes.audit_orders.size(), 3U) << "all that are wanted at once";
  for (const auto& row : minutes.audit_orders) {
    EXPECT_EQ(row.order.target, "a");
    EXPECT_EQ(row.order.tiles, 256U);
    EXPECT_EQ(row.order.samples, 32U);
  }
  EXPECT_NE(minutes.audit_orders[0].order.seed, minutes.audit_orders[1].order.seed);
  audit("b", 0, right);
  audit("c", 1, right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), (std::vector{Decision::pending, Decision::pending}));
  EXPECT_TRUE(minutes.audit_orders.empty());
  audit("d", 2, right);
  minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::accepted});
  const auto& verdict = minutes.verdicts[0].verdict;
  EXPECT_EQ(verdict.artifact, right);
  EXPECT_EQ(verdict.opinions, 1) << "an audit is no opinion";
  EXPECT_THAT(verdict.reason,
              StartsWith("rendered by owner of a, audited by owner of b, owner of c and "
                         "owner of d: nothing was found; the chance"));
  EXPECT_THAT(minutes.verdicts[0].policy, StartsWith("standard, by audits: an audit costs"));
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"a"});
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(minutes.relied_on,
              UnorderedElementsAre("owner of a", "owner of b", "owner of c", "owner of d"));
  ASSERT_EQ(minutes.trust.size(), 1U) << "an audit says something of who was audited";
  EXPECT_EQ(minutes.trust[0].owner, "owner of a");
  EXPECT_GT(minutes.trust[0].ok, 0.9);
}

TEST_F(HearingAuditTest, AWrongPictureIsRenderedByAnotherAndTheAuditorsEarn) {
  const std::string wrong = picture(2);
  const std::string right = picture(1);
  render("a", wrong);
  sit();
  for (std::size_t n = 0; n < 3; ++n) audit(std::string(1, static_cast<char>('b' + n)), n, right);
  Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::more_replicas)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(minutes.verdicts.back().verdict.replicas_needed, 1);
  EXPECT_TRUE(minutes.trust.empty()) << "nobody is blamed by an audit alone";
  EXPECT_EQ(open(), 0U);
  render("e", right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  ASSERT_GE(open(), 2U) << "the other picture is audited like any other";
  for (const auto& row : minutes.audit_orders) EXPECT_EQ(row.order.target, "e");
  for (std::size_t n = 3; n < papers_.audits.size(); ++n)
    audit(std::string(1, static_cast<char>('f' + n)), n, right);
  minutes = sit();
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"e"});
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  EXPECT_EQ(minutes.judged.at("b"), "agreed") << "it was right about the picture";
  for (const char* lease : {"b", "c", "d", "e"})
    EXPECT_EQ(std::ranges::count(minutes.credited, lease), 1) << lease;
  EXPECT_EQ(std::ranges::count(minutes.credited, "a"), 0);
  const auto blamed = std::ranges::find(minutes.trust, "owner of a", &TrustEvent::owner);
  ASSERT_NE(blamed, minutes.trust.end());
  EXPECT_GT(blamed->bad, 0.8);
}

TEST_F(HearingAuditTest, WhenAFrameFailsNoAuditorEarnsAndNoneIsBlamed) {
  render("a", picture(2));
  sit();
  audit("b", 0, picture(1));
  audit("c", 1, picture(1));
  audit("d", 2, "").result.error_code = "crash";
  sit();
  for (std::size_t n = 3; open() > 0 && n < papers_.audits.size(); ++n) {
    audit("more" + std::to_string(n), n, picture(1));
    sit();
  }
  add("e", Finding::Outcome::kFailed).lease.policy = {2, 2};
  const Minutes minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::failed})
      << minutes.verdicts.back().verdict.reason;
  EXPECT_TRUE(minutes.credited.empty());
  EXPECT_TRUE(minutes.records.empty());
  EXPECT_EQ(minutes.judged.at("b"), "rejected") << "as the pictures are";
}

TEST_F(HearingAuditTest, OneAuditorWhoSlandersIsOutweighedByFurtherAuditsAndNotPaid) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, picture(9));
  audit("c", 1, right);
  audit("d", 2, right);
  Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::pending);
  ASSERT_GE(open(), 1U) << "no other owner renders it";
  for (std::size_t n = 3; !papers_.ending && n < papers_.audits.size(); ++n) {
    audit("late" + std::to_string(n), n, right);
    minutes = sit();
  }
  const auto accepted = std::ranges::find(minutes.verdicts, Decision::accepted,
                                          [](const auto& row) { return row.verdict.decision; });
  ASSERT_NE(accepted, minutes.verdicts.end());
  EXPECT_THAT(accepted->verdict.reason, HasSubstr("audited by owner of b: it looks wrong"));
  EXPECT_EQ(minutes.credited.size(), papers_.audits.size()) << "all auditors but one, and a";
  EXPECT_EQ(minutes.judged.at("b"), "rejected");
  for (const auto& event : minutes.trust) {
    EXPECT_NE(event.owner, "owner of b") << "nor is it blamed";
    EXPECT_EQ(event.bad, 0);
  }
}

TEST_F(HearingAuditTest, WhatCannotBeAuditedIsReplicatedAndTheJobRemembersIt) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  auto& refused = audit("b", 0, "");
  refused.result.error_code = "not_auditable";
  refused.result.error = "Frames of this scene are not audited because of: the node Blur.";
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_EQ(minutes.verdicts[0].verdict.replicas_needed, 1);
  EXPECT_THAT(minutes.measured.at("job").unauditable, HasSubstr("the node Blur"));
  EXPECT_EQ(open(), 0U) << "the others are not waited for";
  const auto told =
      std::ranges::find(minutes.events, wire::EventKind::checks_chosen, &wire::EventT::kind);
  ASSERT_NE(told, minutes.events.end());
  EXPECT_THAT(told->message, HasSubstr("whole replicas: it cannot be audited"));
  for (const char* lease : {"c", "d", "e"}) render(lease, right);
  minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted);
  EXPECT_EQ(minutes.judged.at("b"), "failed");
  EXPECT_THAT(minutes.verdicts.back().policy, HasSubstr("by whole replicas"));
}

TEST_F(HearingAuditTest, WhoCannotTellIsReplacedAndAfterThreeTheUnitIsReplicated) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, "").result.error_code = "crash";
  audit("c", 1, right).result.renderer = "Blender 4.5.0 cuda";
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), (std::vector{Decision::pending, Decision::pending}));
  EXPECT_EQ(minutes.audit_orders.size(), 2U);
  EXPECT_EQ(open(), 3U);
  audit("d", 2, undecodable());
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_TRUE(minutes.measured.empty() || minutes.measured.at("job").unauditable.empty());
}

TEST_F(HearingAuditTest, WhoCouldNotTellGaveNoOpinionAndMayStillRender) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, "").result.error_code = "crash";
  Minutes minutes = sit();
  EXPECT_EQ(minutes.results.at(0).outcome, Finding::Outcome::kVoid);
  EXPECT_FALSE(minutes.verdicts.at(0).verdict.counts);
  EXPECT_EQ(minutes.records["owner of b"].rejected, 0U) << "it is not blamed";
  auto& again = render("b2", right);
  again.lease.owner = "owner of b";
  minutes = sit();
  EXPECT_EQ(minutes.results.at(0).outcome, Finding::Outcome::kRendered);
  EXPECT_TRUE(minutes.verdicts.at(0).verdict.counts);
  EXPECT_EQ(minutes.verdicts.at(0).verdict.opinions, 2);
  audit("c", 1, right);
  sit();
  render("c2", right).lease.owner = "owner of c";
  EXPECT_TRUE(sit().results.empty()) << "who found nothing has had its say";
}

TEST_F(HearingAuditTest, WhatNobodyCouldAuditIsDecidedByWholeReplicas) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, right);
  sit();
  render("c", right).lease.instead_of_audits = true;
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_THAT(minutes.verdicts[0].policy,
              HasSubstr("by whole replicas: nobody who was connected could audit it"));
  EXPECT_EQ(open(), 0U);
  render("d", right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::accepted}) << "the audit counts, too";
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "b", "c", "d"));
}

TEST_F(HearingAuditTest, InAFarmOfFewOwnersTheirWholeReplicasDecide) {
  const std::string right = picture(1);
  few_owners_.emplace(7, "somebody");
  render("a", right);
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_TRUE(minutes.audit_orders.empty());
  EXPECT_THAT(minutes.verdicts[0].policy,
              HasSubstr("by whole replicas: only 7 owners are connected, and audits want 8"));
  few_owners_ = {"owner of a", "owner of b", "owner of c", "owner of d"};
  for (const char* lease : {"b", "c", "d"}) render(lease, right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes),
            (std::vector{Decision::more_replicas, Decision::more_replicas, Decision::accepted}));
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "b", "c", "d"));
}

TEST_F(HearingAuditTest, WhenAllOwnersWereAskedTheSetThatLeadsIsAccepted) {
  const std::string right = picture(1);
  few_owners_ = {"owner of a", "owner of b", "owner of c", "owner of cheat"};
  for (const char* lease : {"a", "b"}) render(lease, right);
  render("cheat", picture(2));
  Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::more_replicas);
  render("c", right);
  minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::accepted});
  EXPECT_THAT(minutes.verdicts[0].policy,
              HasSubstr("by equal results: all 4 owners who are connected have been asked"));
  EXPECT_EQ(minutes.judged.at("cheat"), "rejected");
  const auto blamed = std::ranges::find_if(minutes.trust, [](const auto& e) { return e.bad > 0; });
  ASSERT_NE(blamed, minutes.trust.end());
  EXPECT_EQ(blamed->owner, "owner of cheat");
}

TEST_F(HearingAuditTest, TwoAgainstTwoWaitForAnotherOwner) {
  few_owners_ = {"owner of a", "owner of b", "owner of x", "owner of y"};
  for (const char* lease : {"a", "b"}) render(lease, picture(1));
  for (const char* lease : {"x", "y"}) render(lease, picture(2));
  EXPECT_EQ(sit().verdicts.back().verdict.decision, Decision::more_replicas);
}

TEST_F(HearingAuditTest, OfFewerThanFourOwnersEqualResultsAreEnough) {
  const std::string right = picture(1);
  few_owners_.emplace(3, "somebody");
  lucky_ = true;
  render("a", right);
  EXPECT_EQ(decisions(sit()), std::vector{Decision::more_replicas});
  render("cheat", picture(2));
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  render("c", right);
  minutes = sit();
  ASSERT_EQ(decisions(minutes), std::vector{Decision::accepted});
  EXPECT_THAT(minutes.verdicts[0].policy,
              HasSubstr("standard, by equal results: only 3 owners are connected"));
  EXPECT_EQ(minutes.judged.at("cheat"), "rejected");
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("a", "c"));
  EXPECT_EQ(minutes.canaries.size(), 1U) << "as the policy founding has them";
}

TEST_F(HearingAuditTest, AnExcludedAuditorsAnswerIsVoidAndItsEarlierOneCountsNoMore) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  policy::Standing banned;
  banned.state = policy::State::kBanned;
  standings_["owner of b"] = banned;
  audit("b", 0, right);
  Minutes minutes = sit();
  EXPECT_FALSE(minutes.verdicts[0].verdict.counts);
  EXPECT_EQ(minutes.verdicts[0].verdict.replicas_needed, 0) << "the audit itself stays ordered";
  EXPECT_EQ(open(), 3U);
  audit("c", 0, right);
  audit("d", 1, right);
  sit();
  standings_["owner of c"] = banned;
  audit("e", 2, right);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  EXPECT_EQ(minutes.audit_orders.size(), 1U);
}

TEST_F(HearingAuditTest, OwnersHaveOneSayAndASecondAnswerChangesNothing) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, right);
  sit();
  auto& again = audit("b2", 1, right);
  again.lease.owner = "owner of b";
  EXPECT_TRUE(sit().results.empty());
  audit("c", 0, right);
  const Minutes minutes = sit();
  EXPECT_THAT(minutes.verdicts[0].verdict.reason, HasSubstr("another answered"));
  EXPECT_TRUE(minutes.credited.empty());
}

TEST_F(HearingAuditTest, WhoAnsweredAfterAnotherGaveNoOpinionAndMayStillRender) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  audit("b", 0, right);
  sit();
  audit("c", 0, right);
  Minutes minutes = sit();
  EXPECT_EQ(minutes.results.at(0).outcome, Finding::Outcome::kVoid);
  EXPECT_FALSE(minutes.verdicts.at(0).verdict.counts);
  EXPECT_TRUE(minutes.records.empty()) << "it is not blamed";
  audit("c", 0, right);
  EXPECT_TRUE(sit().results.empty()) << "it is known";
  render("c2", right).lease.owner = "owner of c";
  minutes = sit();
  ASSERT_EQ(minutes.results.size(), 1U);
  EXPECT_EQ(minutes.results[0].outcome, Finding::Outcome::kRendered);
}

TEST_F(HearingAuditTest, ALateAuditIsPaidWhenItIsRight) {
  const std::string right = picture(1);
  render("a", right);
  sit();
  for (std::size_t n = 0; n < 3; ++n) audit(std::string(1, static_cast<char>('b' + n)), n, right);
  papers_.audits.emplace_back().order = {4, "a", 77, 256, 32, 1};
  sit();
  ASSERT_TRUE(papers_.ending);
  EXPECT_EQ(papers_.audits[3].state, AuditState::kDropped);
  audit("z", 3, right);
  const Minutes minutes = sit();
  EXPECT_EQ(minutes.credited, std::vector<std::string>{"z"});
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
}

TEST_F(HearingAuditTest, ShortFramesAndWhatTheArtistAskedForAreReplicatedAndPartsAreNot) {
  const std::string right = picture(1);
  rules_.audit_cost = 0;
  rules_.audit_tiles = 16;
  auto& quick = render("a", right);
  quick.result.render_seconds = 0.2F;
  Minutes minutes = hold(papers_);
  EXPECT_TRUE(minutes.audit_orders.empty());
  EXPECT_THAT(minutes.verdicts[0].policy, HasSubstr("no less than another render"));
  quick.result.render_seconds = 600;
  minutes = hold(papers_);
  EXPECT_EQ(minutes.audit_orders.size(), 3U);
  EXPECT_EQ(minutes.measured.at("job").frames, 1U);
  EXPECT_EQ(minutes.measured.at("job").frame_seconds, 600);
  quick.result.load_seconds = 500;
  EXPECT_TRUE(hold(papers_).audit_orders.empty()) << "loading the scene costs as much";
  quick.result.load_seconds = 1;
  quick.lease.unauditable = "denoising";
  EXPECT_TRUE(hold(papers_).audit_orders.empty());
  quick.lease.unauditable.clear();
  quick.lease.policy = {3, 5};
  EXPECT_TRUE(hold(papers_).audit_orders.empty());
  quick.lease.policy = {2, 5};
  quick.lease.shard.tile = messages::Tile{{0, 0, 12, 20}, 0};
  minutes = hold(papers_);
  EXPECT_EQ(minutes.audit_orders.size(), 3U);
  EXPECT_EQ(minutes.measured.at("job").frame_seconds, 1200) << "it is half of the frame";
  EXPECT_THAT(minutes.verdicts[0].policy, HasSubstr("of a part of 600.0 s"));
  quick.lease.shard.tile.reset();
  quick.lease.policy = {1, 5};
  minutes = hold(papers_);
  EXPECT_EQ(decisions(minutes), std::vector{Decision::accepted}) << "waived";
}

}  // namespace
}  // namespace worldshare::verifier
