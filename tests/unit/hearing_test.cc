#include "shared/image/bundle.h"
#include "tests/unit/hearing_fixture.h"

namespace worldshare::verifier {
namespace {

using wire::Decision;

TEST_F(HearingTest, DecidesAsTheResultsComeAndKeepsTheirOrder) {
  const std::string same = picture(1);
  rendered("a", same);
  rendered("b", same);
  rendered("c", same);
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes),
            (std::vector{Decision::pending, Decision::accepted, Decision::pending}));
  EXPECT_EQ(minutes.verdicts[1].verdict.opinions, 2);
  EXPECT_EQ(minutes.verdicts[1].verdict.artifact, same);
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"a"});
  EXPECT_EQ(minutes.credited, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(minutes.judged.at("c"), "agreed");
  EXPECT_EQ(minutes.records.size(), 2U);
  std::size_t last = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(minutes.results[i].position, last);
    EXPECT_EQ(minutes.verdicts[i].position, minutes.results[i].position + 1);
    last = minutes.verdicts[i].position;
  }
}

TEST_F(HearingTest, AsksOnlyForWhatItNeedsAndRemembersIt) {
  const std::string same = picture(1);
  rendered("a", same);
  rendered("b", same);
  hold();
  EXPECT_EQ(held_, 1) << "one blob is not compared, and two owners vouch for it";
  rendered("c", same);
  submissions_.erase(submissions_.begin(), submissions_.begin() + 2);
  submissions_.front().lease.policy = {1, 5};
  hold();
  EXPECT_EQ(held_, 2) << "alone it is proven";
  hold();
  EXPECT_EQ(held_, 1) << "and not twice";
  exhibits_.begin_sitting();
  hold();
  EXPECT_EQ(held_, 1) << "not in the next sitting either";
}

TEST_F(HearingTest, WhatIsKnownOrNoLongerMattersChangesNothing) {
  Papers papers;
  papers.results.push_back({"a", "owner of a", true, true, picture(1), "", "pending"});
  papers.voids.push_back("v");
  rendered("a", picture(1));
  add("v", Finding::Outcome::kVoid);
  add("x", Finding::Outcome::kFailed).lease.owner = "owner of a";
  EXPECT_TRUE(hold(papers).results.empty());
  papers.ending = Ending{true, picture(1)};
  submissions_.clear();
  add("late", Finding::Outcome::kFailed).lease.state = "expired";
  EXPECT_TRUE(hold(papers).results.empty());
}

TEST_F(HearingTest, AVoidResultAsksForAReplacement) {
  add("v", Finding::Outcome::kVoid).finding.why_void = "no image";
  const Minutes minutes = hold();
  ASSERT_EQ(minutes.verdicts.size(), 1U);
  const auto& verdict = minutes.verdicts[0].verdict;
  EXPECT_EQ(verdict.decision, Decision::more_replicas);
  EXPECT_FALSE(verdict.counts);
  EXPECT_EQ(verdict.replicas_needed, 1);
  EXPECT_EQ(verdict.opinions, 0);
  EXPECT_EQ(minutes.judged.at("v"), "void");
  EXPECT_EQ(minutes.records.at("owner of v").rejected, 1U);
}

TEST_F(HearingTest, EarlierResultsAreComparedAndJudgedWithTheNewOnes) {
  Papers papers;
  papers.results.push_back({"a", "owner of a", true, true, picture(1), "", "pending"});
  papers.results.push_back({"b", "owner of b", true, true, picture(2), "", "pending"});
  papers.comparisons[{"a", "b"}] = Comparison{};
  rendered("c", picture(2));
  const Minutes minutes = hold(papers);
  EXPECT_EQ(decisions(minutes), std::vector{Decision::accepted});
  ASSERT_EQ(minutes.comparisons.size(), 2U) << "a and b are on record";
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  EXPECT_EQ(minutes.judged.at("b"), "agreed");
  EXPECT_EQ(minutes.relied_on, (std::set<std::string>{"owner of b", "owner of c"}));
  EXPECT_EQ(minutes.records.at("owner of a").rejected, 1U);
  EXPECT_EQ(minutes.credited, (std::vector<std::string>{"b", "c"}));
}

/// Accepted, by the owners of these leases.
Papers accepted(const std::string& artifact, const std::vector<std::string>& leases) {
  Papers out;
  out.ending = Ending{true, artifact};
  for (const auto& lease : leases) {
    out.results.push_back({lease, "owner of " + lease, true, true, artifact, "", "agreed"});
  }
  return out;
}

TEST_F(HearingTest, OnOneOwnersWordNothingIsAcceptedThatDoesNotDecode) {
  rendered("a", undecodable()).lease.policy = {1, 5};
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::more_replicas});
  EXPECT_EQ(minutes.flaws.size(), 1U);
  EXPECT_TRUE(minutes.outputs.empty());
}

TEST_F(HearingTest, WhenAnAcceptedPictureTurnsOutNotToDecodeItIsDoubtedAndNobodyElseIsBlamed) {
  const std::string broken = undecodable();
  for (const bool canary : {false, true}) {
    submissions_.clear();
    Papers papers = accepted(broken, {"a", "b"});
    if (canary) papers.reissue = Reissue{7, ReissueKind::kCanary};
    rendered("c", picture(1));
    rendered("d", picture(1));
    const Minutes minutes = hold(papers);
    EXPECT_EQ(decisions(minutes), (std::vector{Decision::pending, Decision::pending}));
    EXPECT_EQ(minutes.doubts.size(), 1U);
    EXPECT_EQ(minutes.judged.at("c") + minutes.judged.at("d"), "pendingpending");
    EXPECT_TRUE(minutes.records.empty());
    EXPECT_TRUE(minutes.trust.empty());
    EXPECT_TRUE(minutes.reissues.empty());
  }
}

TEST_F(HearingTest, APartThatDoesNotDecodeIsNeverAccepted) {
  const std::string broken = undecodable();
  for (const char* lease : {"a", "b"}) rendered(lease, broken);
  for (const char* lease : {"c", "d"}) rendered(lease, picture(1));
  for (auto& submission : submissions_) submission.lease.shard.samples = {{0, 1, 2}};
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes), (std::vector{Decision::pending, Decision::more_replicas,
                                             Decision::more_replicas, Decision::accepted}));
  EXPECT_EQ(minutes.flaws.size(), 2U);
  EXPECT_EQ(minutes.outputs, std::vector<std::string>{"c"});
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  EXPECT_EQ(minutes.records.at("owner of b").rejected, 1U);
}

TEST_F(HearingTest, WhatCannotBeFoundOutIsAnErrorOfItsUnit) {
  rendered("a", picture(1));
  rendered("b", picture(2));
  Minutes minutes;
  Beliefs beliefs(rules_.parameters);
  Court court{exhibits_, minutes, rules_, beliefs, [](double) { return false; }};
  Hearing hearing({}, court);
  for (const auto& submission : submissions_) hearing.hear(submission);
  ASSERT_TRUE(exhibits_.lacks_something());
  const auto stopped = exhibits_.gather(evidence_, [] { return false; });
  EXPECT_EQ(stopped.at(1).code, Errc::kUnavailable);
  EXPECT_FALSE(exhibits_.lacks_something());
}

/// An owner whose results were good so often.
policy::Standing good(double results) {
  policy::Standing out;
  out.record.ok = results;
  return out;
}

policy::Standing banned() {
  policy::Standing out;
  out.state = policy::State::kBanned;
  return out;
}

TEST_F(HearingTest, StrangersNeedMoreAgreementThanThoseWhoProvedGood) {
  rules_ = rules("replicated");
  const std::string same = picture(1);
  for (const char* lease : {"a", "b", "c", "d"}) rendered(lease, same);
  Papers papers;
  papers.replicas_wanted = 1;
  Minutes minutes = hold(papers);
  EXPECT_EQ(decisions(minutes), (std::vector{Decision::more_replicas, Decision::more_replicas,
                                             Decision::more_replicas, Decision::accepted}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(minutes.verdicts[i].verdict.replicas_needed, 1);
  EXPECT_GT(minutes.verdicts[2].risk, 1e-4);
  EXPECT_LE(minutes.verdicts[3].risk, 1e-4);
  EXPECT_EQ(minutes.trust.size(), 4U);
  for (const auto& event : minutes.trust) EXPECT_GT(event.ok, 0.9);
  for (const char* lease : {"a", "b"}) standings_[std::string("owner of ") + lease] = good(20);
  minutes = hold(papers);
  EXPECT_EQ(decisions(minutes)[1], Decision::accepted);
}

TEST_F(HearingTest, WhatWasAskedForAlreadyIsNotAskedForAgain) {
  rules_ = rules("replicated");
  rendered("a", picture(1));
  Papers papers;
  papers.replicas_wanted = 2;
  EXPECT_EQ(decisions(hold(papers)), std::vector{Decision::pending});
  rules_ = rules("founding");
  papers.replicas_wanted = 1;
  EXPECT_EQ(decisions(hold(papers)), std::vector{Decision::more_replicas});
}

TEST_F(HearingTest, AManifestBoundsThePolicy) {
  rules_ = rules("replicated");
  const std::string same = picture(1);
  for (const char* lease : {"a", "b", "c"}) rendered(lease, same).lease.policy = {2, 3};
  Minutes minutes = hold();
  EXPECT_EQ(minutes.verdicts[2].verdict.decision, Decision::failed);
  EXPECT_NE(minutes.verdicts[2].verdict.reason.find("not certain enough"), std::string::npos);
  EXPECT_TRUE(minutes.credited.empty());
  for (const char* lease : {"a", "b", "c"}) standings_[std::string("owner of ") + lease] = good(50);
  for (auto& submission : submissions_) submission.lease.policy = {3, 5};
  EXPECT_EQ(decisions(hold())[2], Decision::accepted) << "three, though the policy is content";
  for (auto& submission : submissions_) submission.lease.policy = {1, 5};
  minutes = hold();
  EXPECT_EQ(decisions(minutes)[0], Decision::accepted) << "the artist wants no cross-check";
  EXPECT_TRUE(minutes.trust.empty()) << "what nobody examined says nothing of its owner";
}

TEST_F(HearingTest, ProvenOwnersPrevailOverAColludingPair) {
  rules_ = rules("replicated");
  for (const char* lease : {"x", "y"}) rendered(lease, picture(2)).lease.policy = {2, 9};
  for (const char* lease : {"a", "b", "c", "d"}) {
    rendered(lease, picture(1)).lease.policy = {2, 9};
    standings_[std::string("owner of ") + lease] = good(50);
  }
  const Minutes minutes = hold();
  EXPECT_EQ(minutes.outputs.size(), 1U);
  EXPECT_EQ(minutes.judged.at("x"), "rejected");
  EXPECT_EQ(minutes.judged.at("a"), "agreed");
  const auto bad = std::ranges::count_if(minutes.trust, [](const auto& e) { return e.bad > 0.8; });
  EXPECT_EQ(bad, 2);
}

TEST_F(HearingTest, AnExcludedOwnerHasNoOpinion) {
  standings_["owner of a"] = banned();
  rendered("a", picture(1));
  rendered("b", picture(1));
  const Minutes minutes = hold();
  EXPECT_FALSE(minutes.verdicts[0].verdict.counts);
  EXPECT_NE(minutes.verdicts[0].verdict.reason.find("it cheated"), std::string::npos);
  EXPECT_EQ(minutes.results[0].outcome, Finding::Outcome::kVoid);
  EXPECT_EQ(minutes.verdicts[1].verdict.decision, Decision::pending);
}

TEST_F(HearingTest, ACanaryIsWishedForByChanceAndByFoundingOnly) {
  lucky_ = true;
  const std::string same = picture(1);
  rendered("a", same);
  rendered("b", same);
  ASSERT_EQ(hold().canaries.size(), 1U);
  EXPECT_EQ(hold().canaries[0].wanted, 3U);
  lucky_ = false;
  EXPECT_TRUE(hold().canaries.empty());
  lucky_ = true;
  rules_ = rules("replicated");
  EXPECT_TRUE(hold().canaries.empty());
}

TEST_F(HearingTest, NobodyIsHeldToAPictureThatOneOwnerAloneReturned) {
  lucky_ = true;
  rendered("a", picture(1)).lease.policy = {1, 5};
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::accepted});
  EXPECT_TRUE(minutes.canaries.empty());
}

TEST_F(HearingTest, ACanaryThatIsHeldAgainstNothingBlamesNobody) {
  Papers papers = accepted(picture(1), {"a", "b"});
  for (FiledResult& result : papers.results) result.rendered = false;
  papers.reissue = Reissue{5, ReissueKind::kCanary};
  rendered("c", picture(1));
  const Minutes minutes = hold(papers);
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  EXPECT_EQ(minutes.reissues.at(5).state, "unresolved");
  EXPECT_EQ(minutes.judged.at("c"), "pending");
  EXPECT_TRUE(minutes.trust.empty() && minutes.records.empty() && minutes.credited.empty());
}

TEST_F(HearingTest, ACanaryEarnsOrExposesAndChangesNoOutput) {
  Papers papers = accepted(picture(1), {"a", "b"});
  papers.reissue = Reissue{5, ReissueKind::kCanary};
  rendered("c", picture(1));
  Minutes minutes = hold(papers);
  EXPECT_EQ(minutes.credited, std::vector<std::string>{"c"});
  EXPECT_EQ(minutes.reissues.at(5).state, "confirmed");
  EXPECT_TRUE(minutes.outputs.empty() && minutes.replacements.empty() && minutes.trust.empty());
  submissions_.clear();
  rendered("c", picture(2));
  minutes = hold(papers);
  EXPECT_EQ(minutes.reissues.at(5).state, "missed");
  EXPECT_TRUE(minutes.credited.empty() && minutes.outputs.empty());
  ASSERT_EQ(minutes.trust.size(), 1U);
  EXPECT_EQ(minutes.trust[0].kind, policy::EventKind::kCanaryMissed);
  submissions_.clear();
  add("c", Finding::Outcome::kFailed);
  minutes = hold(papers);
  EXPECT_EQ(minutes.reissues.at(5).state, "unresolved");
  EXPECT_TRUE(minutes.trust.empty());
}

TEST_F(HearingTest, ADoubtIsConfirmedByThoseWhoAreLeft) {
  Papers papers = accepted(picture(1), {"a", "b"});
  papers.reissue = Reissue{6, ReissueKind::kDoubt};
  standings_["owner of a"] = banned();
  rendered("c", picture(1));
  const Minutes minutes = hold(papers);
  EXPECT_EQ(minutes.verdicts[0].verdict.decision, Decision::pending);
  EXPECT_EQ(minutes.reissues.at(6).state, "confirmed");
  EXPECT_EQ(minutes.credited, std::vector<std::string>{"c"});
  EXPECT_TRUE(minutes.reversed.empty() && minutes.replacements.empty());
}

TEST_F(HearingTest, ADoubtOverturnsWhatWasAcceptedAndTakesTheCreditBack) {
  Papers papers = accepted(picture(1), {"a", "b"});
  papers.reissue = Reissue{7, ReissueKind::kDoubt};
  standings_["owner of a"] = standings_["owner of b"] = banned();
  rendered("c", picture(2));
  rendered("d", picture(2));
  const Minutes minutes = hold(papers);
  EXPECT_EQ(decisions(minutes), (std::vector{Decision::more_replicas, Decision::overturned}));
  EXPECT_EQ(minutes.verdicts[1].verdict.artifact, picture(2));
  EXPECT_EQ(minutes.reissues.at(7).state, "overturned");
  EXPECT_EQ(minutes.reversed, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(minutes.credited, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(minutes.replacements, std::vector<std::string>{"c"});
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  EXPECT_TRUE(minutes.outputs.empty());
}

/// Results of a unit of frames 1, 3 and 5.
class HearingOfSeveralFramesTest : public HearingTest {
 protected:
  Bytes file(unsigned seed) { return store_.read(picture(seed), 1U << 20).value(); }
  std::string bundle(const std::vector<unsigned>& seeds) {
    std::vector<Bytes> images;
    for (const unsigned seed : seeds) images.push_back(file(seed));
    return put(image::bundle(images));
  }
  Submission& several(const std::string& name, const std::string& artifact) {
    Submission& out = rendered(name, artifact);
    out.lease.shard = {1, 3, 2};
    out.lease.frame = 1;
    out.lease.image.frames = 3;
    return out;
  }
};

TEST_F(HearingOfSeveralFramesTest, EachFrameBecomesAnOutputOfItsOwn) {
  several("a", bundle({1, 2, 3}));
  several("b", bundle({1, 2, 3}));
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes), (std::vector{wire::Decision::pending, wire::Decision::accepted}));
  EXPECT_TRUE(minutes.outputs.empty());
  ASSERT_EQ(minutes.frames.size(), 3U);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(minutes.frames[i].frame, static_cast<int>(1 + 2 * i));
    EXPECT_EQ(minutes.frames[i].image.sha256, picture(i + 1));
    EXPECT_EQ(store_.size(minutes.frames[i].image.sha256).value_or(0),
              minutes.frames[i].image.size_bytes);
  }
  std::vector<std::int32_t> told;
  for (const auto& event : minutes.events)
    if (event.kind == wire::EventKind::frame_accepted) told.push_back(event.frame);
  EXPECT_EQ(told, (std::vector<std::int32_t>{1, 3, 5}));
}

TEST_F(HearingOfSeveralFramesTest, OneFrameThatDiffersIsEnoughToDisagree) {
  several("a", bundle({1, 2, 3}));
  several("b", bundle({1, 2, 4}));
  several("c", bundle({1, 2, 3}));
  const Minutes minutes = hold();
  EXPECT_EQ(decisions(minutes), (std::vector{wire::Decision::pending, wire::Decision::more_replicas,
                                             wire::Decision::accepted}));
  EXPECT_EQ(minutes.judged.at("b"), "rejected");
  ASSERT_EQ(minutes.frames.size(), 3U);
  EXPECT_EQ(minutes.frames[2].image.sha256, picture(3));
}

TEST_F(HearingOfSeveralFramesTest, AFrameThatDoesNotDecodeIsFoundAndNamed) {
  std::vector<Bytes> images{file(1), store_.read(undecodable(), 1U << 20).value(), file(3)};
  several("a", put(image::bundle(images)));
  several("b", bundle({1, 2, 3}));
  several("c", bundle({1, 2, 3}));
  const Minutes minutes = hold();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, wire::Decision::accepted);
  EXPECT_TRUE(minutes.flaws.at("a").contains("picture 2")) << minutes.flaws.at("a");
}

TEST_F(HearingOfSeveralFramesTest, ItsStructureIsExaminedFrameByFrame) {
  ImageLimits limits{image::Format::kPng, 24, 20, 1 << 20};
  limits.frames = 3;
  EXPECT_EQ(evidence_.examine(bundle({1, 2, 3}), limits).value(), std::nullopt);
  EXPECT_TRUE(evidence_.examine(picture(1), limits).value()->contains("bundle"));
  EXPECT_TRUE(evidence_.examine(bundle({1, 2}), limits).value()->contains("holds 2 images"));
  const std::vector<Bytes> broken{file(1), file(2), Bytes(100, 7)};
  EXPECT_TRUE(
      evidence_.examine(put(image::bundle(broken)), limits).value()->contains("picture 3 of 3"));
}

TEST_F(HearingOfSeveralFramesTest, WhereTheyFailTogetherNoFrameHasFailedYet) {
  for (const auto* name : {"a", "b"}) {
    Submission& out = several(name, bundle({1, 2, 3}));
    out.finding = {Finding::Outcome::kFailed, {}};
    out.lease.policy = {2, 3};
  }
  const Minutes minutes = hold();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, wire::Decision::failed);
  for (const auto& event : minutes.events) EXPECT_NE(event.kind, wire::EventKind::frame_failed);
}

}  // namespace
}  // namespace worldshare::verifier
