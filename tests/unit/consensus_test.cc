#include "verifier/consensus/consensus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>

#include "verifier/consensus/agreement.h"

namespace worldshare::verifier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// 'r' rendered, 'f' failed, 'c' failed by a crash: one opinion each, owners differ.
std::vector<Opinion> opinions(const std::string& outcomes) {
  std::vector<Opinion> out;
  for (const char outcome : outcomes) {
    const std::string n = std::to_string(out.size());
    Opinion opinion{"lease" + n, "owner" + n, outcome == 'r', "", ""};
    if (outcome == 'r') opinion.artifact = "artifact" + n;
    if (outcome == 'f') opinion.error = "missing texture";
    if (outcome == 'c') opinion.error = "crash";
    out.push_back(opinion);
  }
  return out;
}

TEST(Consensus, NothingYetIsPending) {
  const Decision decision = decide({}, {}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kPending);
  EXPECT_EQ(decision.replicas_needed, 2U);
}

TEST(Consensus, OneOfTwoWaitsForTheOther) {
  const Decision decision = decide(opinions("r"), {}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kPending);
  EXPECT_EQ(decision.replicas_needed, 1U);
}

TEST(Consensus, TwoThatAgreeAreAccepted) {
  const Decision decision = decide(opinions("rr"), {{0, 1, 0}}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kAccepted);
  EXPECT_EQ(decision.accepted, 0U);
  EXPECT_THAT(decision.agreed, ElementsAre(0, 1));
  EXPECT_THAT(decision.rejected, IsEmpty());
  EXPECT_EQ(decision.replicas_needed, 0U);
}

TEST(Consensus, DisagreementAsksForExactlyOneMore) {
  const Decision decision = decide(opinions("rr"), {}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kMoreReplicas);
  EXPECT_EQ(decision.replicas_needed, 1U);
  EXPECT_THAT(decision.reason, HasSubstr("2 rendered and disagree"));
}

TEST(Consensus, TheThirdSettlesADisagreement) {
  const Decision decision = decide(opinions("rrr"), {{1, 2, 0}}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kAccepted);
  EXPECT_THAT(decision.agreed, ElementsAre(1, 2));
  EXPECT_THAT(decision.rejected, ElementsAre(0));
}

TEST(Consensus, AFailureCountsAsAnOpinionAndIsReplaced) {
  const Decision first = decide(opinions("f"), {}, {2, 5});
  EXPECT_EQ(first.ruling, Ruling::kMoreReplicas);
  EXPECT_EQ(first.replicas_needed, 2U);
  const Decision third = decide(opinions("frr"), {{1, 2, 0}}, {2, 5});
  EXPECT_EQ(third.ruling, Ruling::kAccepted);
  EXPECT_THAT(third.rejected, IsEmpty()) << "a failure is no rendering";
}

TEST(Consensus, AgreementIsNotTransitive) {
  const Decision decision = decide(opinions("rrr"), {{0, 1, 0.1}, {1, 2, 0.1}}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kMoreReplicas) << "{0, 1} and {1, 2} both have two members";
  EXPECT_EQ(decision.replicas_needed, 1U);
}

TEST(Consensus, TwoSetsAtTheLimitFail) {
  const Decision decision = decide(opinions("rrrr"), {{0, 1, 0}, {2, 3, 0}}, {2, 4});
  EXPECT_EQ(decision.ruling, Ruling::kFailed);
  EXPECT_THAT(decision.reason, HasSubstr("different sets"));
}

TEST(Consensus, TheArtifactIsTheMedoid) {
  const Decision decision =
      decide(opinions("rrr"), {{0, 1, 0.2}, {0, 2, 0.9}, {1, 2, 0.3}}, {3, 5});
  EXPECT_EQ(decision.ruling, Ruling::kAccepted);
  EXPECT_EQ(decision.accepted, 1U);
}

TEST(Consensus, TheLimitFailsTheUnitWithItsReasons) {
  const Decision decision = decide(opinions("crffr"), {}, {2, 5});
  EXPECT_EQ(decision.ruling, Ruling::kFailed);
  EXPECT_EQ(decision.replicas_needed, 0U);
  EXPECT_THAT(decision.reason, HasSubstr("5 owners"));
  EXPECT_THAT(decision.reason, HasSubstr("2 rendered and disagree"));
  EXPECT_THAT(decision.reason, HasSubstr("3 failed (missing texture)"));
}

TEST(Consensus, AUnitFailsAtOnceWhenTheOwnersLeftCannotMakeAQuorum) {
  EXPECT_EQ(decide(opinions("ff"), {}, {2, 4}).ruling, Ruling::kMoreReplicas);
  EXPECT_EQ(decide(opinions("fff"), {}, {2, 4}).ruling, Ruling::kFailed);
}

TEST(Consensus, WithOneReplicaTheFirstRenderingIsAccepted) {
  EXPECT_EQ(decide(opinions("r"), {}, {1, 3}).ruling, Ruling::kAccepted);
  EXPECT_EQ(decide(opinions("f"), {}, {1, 3}).ruling, Ruling::kMoreReplicas);
  const Decision decision = decide(opinions("frr"), {}, {1, 3});
  EXPECT_EQ(decision.ruling, Ruling::kAccepted);
  EXPECT_EQ(decision.accepted, 1U);
  EXPECT_THAT(decision.rejected, ElementsAre(2));
  EXPECT_EQ(decide(opinions("fff"), {}, {1, 3}).ruling, Ruling::kFailed);
}

struct Unit {
  std::vector<Opinion> opinions;
  std::vector<Agreement> agreements;
  Policy policy;
  bool agree(std::size_t a, std::size_t b) const {
    return std::ranges::any_of(agreements, [&](const Agreement& pair) {
      return (pair.a == a && pair.b == b) || (pair.a == b && pair.b == a);
    });
  }
};

Unit random_unit(std::mt19937& random) {
  Unit out;
  out.policy.replicas = 1 + static_cast<unsigned>(random() % 5);
  out.policy.max_replicas = out.policy.replicas + static_cast<unsigned>(random() % 5);
  const auto density = random() % 11;
  std::string outcomes;
  for (std::size_t n = random() % (out.policy.max_replicas + 1); n > 0; --n) {
    outcomes += "rrrfc"[random() % 5];
  }
  out.opinions = opinions(outcomes);
  for (std::size_t a = 0; a < outcomes.size(); ++a) {
    for (std::size_t b = a + 1; b < outcomes.size(); ++b) {
      if (outcomes[a] == 'r' && outcomes[b] == 'r' && random() % 10 < density) {
        out.agreements.push_back({a, b, static_cast<double>(random() % 4)});
      }
    }
  }
  return out;
}

/// By trying every subset.
std::vector<std::vector<std::size_t>> quorate_maximal_sets(const Unit& unit) {
  const std::size_t n = unit.opinions.size();
  std::vector<std::uint32_t> cliques;
  for (std::uint32_t mask = 1; mask < 1U << n; ++mask) {
    bool clique = true;
    for (std::size_t a = 0; a < n && clique; ++a) {
      if ((mask >> a & 1) == 0) continue;
      clique = unit.opinions[a].rendered;
      for (std::size_t b = a + 1; b < n && clique; ++b) {
        clique = (mask >> b & 1) == 0 || unit.agree(a, b);
      }
    }
    if (clique) cliques.push_back(mask);
  }
  std::vector<std::vector<std::size_t>> out;
  for (const auto mask : cliques) {
    const bool maximal = std::ranges::none_of(
        cliques, [&](std::uint32_t other) { return other != mask && (other & mask) == mask; });
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < n; ++i) {
      if ((mask >> i & 1) != 0) members.push_back(i);
    }
    if (maximal && members.size() >= unit.policy.replicas) out.push_back(members);
  }
  return out;
}

TEST(Consensus, HoldsItsPromisesOnRandomGraphs) {
  std::mt19937 random(20240607);
  int accepted = 0;
  int failed = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Unit unit = random_unit(random);
    const Decision decision = decide(unit.opinions, unit.agreements, unit.policy);
    const auto sets = quorate_maximal_sets(unit);
    const std::size_t n = unit.opinions.size();
    ASSERT_LE(n + decision.replicas_needed, unit.policy.max_replicas);
    if (unit.policy.replicas > 1) {
      ASSERT_EQ(decision.ruling == Ruling::kAccepted, sets.size() == 1);
    }
    switch (decision.ruling) {
      case Ruling::kAccepted: {
        ++accepted;
        ASSERT_GE(decision.agreed.size(), unit.policy.replicas);
        ASSERT_NE(std::ranges::find(sets, decision.agreed), sets.end());
        ASSERT_TRUE(std::ranges::binary_search(decision.agreed, decision.accepted));
        const auto renderings = std::ranges::count_if(unit.opinions, &Opinion::rendered);
        ASSERT_EQ(decision.agreed.size() + decision.rejected.size(),
                  static_cast<std::size_t>(renderings));
        ASSERT_EQ(decision.replicas_needed, 0U);
        break;
      }
      case Ruling::kFailed:
        ++failed;
        ASSERT_EQ(decision.replicas_needed, 0U);
        ASSERT_TRUE(decision.agreed.empty());
        break;
      case Ruling::kPending:
      case Ruling::kMoreReplicas:
        ASSERT_GT(decision.replicas_needed, 0U) << "nobody would ever decide";
        ASSERT_LT(n, unit.policy.max_replicas);
    }
    ASSERT_FALSE(decision.reason.empty());
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(failed, 1000);
}

TEST(Consensus, ManyOwnersAreDecidedQuickly) {
  Unit unit;
  unit.opinions = opinions(std::string(99, 'r'));
  std::mt19937 random(7);
  for (std::size_t a = 0; a < 99; ++a) {
    for (std::size_t b = a + 1; b < 99; ++b) {
      if (random() % 10 != 0) unit.agreements.push_back({a, b, 0});
    }
  }
  const Decision decision = decide(unit.opinions, unit.agreements, {2, 99});
  EXPECT_EQ(decision.ruling, Ruling::kFailed) << "countless sets, none is chosen";
}

template <class T>
Picture picture(Depth depth, std::uint8_t channels, T value) {
  Picture out({32, 32, channels, depth});
  for (std::uint32_t y = 0; y < 32; ++y) std::fill_n(out.row<T>(y), 32 * channels, value);
  return out;
}
Picture bytes(std::uint8_t channels, std::uint8_t value) {
  return picture(Depth::kU8, channels, value);
}

Comparison compare(const Picture& a, const Picture& b, const Tolerance& tolerance) {
  const auto metrics = make_cpu_metrics({});
  return verifier::compare(*metrics, a, b, tolerance).value();
}

TEST(Agreement, SamePixelsAgreeWithoutMetrics) {
  const Comparison comparison = compare(bytes(3, 9), bytes(3, 9), {});
  EXPECT_EQ(comparison.method, Method::kSamePixels);
  EXPECT_TRUE(comparison.agree);
  EXPECT_EQ(comparison.distance(), 0);
}

TEST(Agreement, AnotherShapeIsIncomparable) {
  const Comparison comparison = compare(bytes(3, 9), bytes(4, 9), {});
  EXPECT_EQ(comparison.method, Method::kIncomparable);
  EXPECT_FALSE(comparison.agree);
}

TEST(Agreement, BothMetricsMustBeWithinTolerance) {
  const auto a = bytes(3, 100);
  const Comparison close = compare(a, bytes(3, 101), {});
  EXPECT_TRUE(close.agree);
  EXPECT_NEAR(*close.psnr_db, 48.13, 0.01);
  EXPECT_FALSE(compare(a, bytes(3, 101), {50, 0.98}).agree);
  EXPECT_FALSE(compare(a, bytes(3, 101), {40, 1.0}).agree);
  EXPECT_FALSE(compare(a, bytes(3, 120), {}).agree);
}

TEST(Agreement, AlphaCounts) {
  auto a = bytes(4, 100);
  auto b = bytes(4, 100);
  for (std::uint32_t y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) b.row<std::uint8_t>(y)[4 * x + 3] = 0;
  }
  EXPECT_FALSE(compare(a, b, {}).agree);
}

TEST(Agreement, AnUnmatchedNanNeverAgrees) {
  auto a = picture(Depth::kF32, 3, 0.5F);
  auto b = picture(Depth::kF32, 3, 0.5F);
  b.row<float>(0)[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(compare(a, b, {0, 0}).agree);
}

/// A policy that is content with sets of so many.
Weigh content_with(std::size_t members, std::vector<std::vector<Clique>>* asked = nullptr) {
  return [=](const std::vector<Clique>& sets) {
    if (asked != nullptr) asked->push_back(sets);
    return Weighed{0, sets.front().size() >= members, "says the policy"};
  };
}

TEST(WeighedConsensus, AsksForOneAtATimeUntilThePolicyIsContent) {
  const std::vector<Agreement> pair{{0, 1, 0}};
  const Decision more = decide(opinions("rr"), pair, {2, 5}, content_with(3));
  EXPECT_EQ(more.ruling, Ruling::kMoreReplicas);
  EXPECT_EQ(more.replicas_needed, 1U);
  EXPECT_THAT(more.reason, HasSubstr("says the policy"));
  const Decision done =
      decide(opinions("rrr"), {{0, 1, 0}, {0, 2, 0}, {1, 2, 0}}, {2, 5}, content_with(3));
  EXPECT_EQ(done.ruling, Ruling::kAccepted);
  EXPECT_THAT(done.agreed, ElementsAre(0, 1, 2));
}

TEST(WeighedConsensus, TheManifestIsTheLeastAndTheMost) {
  EXPECT_EQ(decide(opinions("rr"), {{0, 1, 0}}, {3, 5}, content_with(1)).ruling,
            Ruling::kMoreReplicas);
  const Decision failed = decide(opinions("rr"), {{0, 1, 0}}, {2, 2}, content_with(3));
  EXPECT_EQ(failed.ruling, Ruling::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr("not certain enough"));
  EXPECT_EQ(decide(opinions("f"), {}, {2, 5}, content_with(1)).ruling, Ruling::kMoreReplicas);
}

TEST(WeighedConsensus, SetsAreDisjointLargestFirst) {
  std::vector<std::vector<Clique>> asked;
  // 1 agrees with both sides, which do not agree with each other.
  decide(opinions("rrrr"), {{0, 1, 0}, {1, 2, 0}, {1, 3, 0}, {2, 3, 0}}, {2, 9},
         content_with(9, &asked));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_THAT(asked[0], ElementsAre(ElementsAre(1, 2, 3), ElementsAre(0)));
}

Comparison measured(double psnr_db, double ssim, double worst, bool agree) {
  Comparison out;
  out.method = Method::kMetrics;
  out.psnr_db = psnr_db;
  out.ssim = ssim;
  out.worst_block_psnr_db = worst;
  out.agree = agree;
  return out;
}

TEST(WorseOf, TakesTheWorstOfEachFigure) {
  const auto worst = worse_of(measured(50, 0.99, 30, true), measured(60, 0.9, 20, true));
  EXPECT_EQ(worst.psnr_db, 50);
  EXPECT_EQ(worst.ssim, 0.9);
  EXPECT_EQ(worst.worst_block_psnr_db, 20);
  EXPECT_TRUE(worst.agree);
  EXPECT_FALSE(worse_of(worst, measured(90, 1, 90, false)).agree);
}

TEST(WorseOf, WhatIsTheSameHidesNothing) {
  const auto same = identical(Method::kSamePixels);
  const auto other = measured(50, 0.99, 30, false);
  EXPECT_EQ(worse_of(same, other).psnr_db, 50);
  EXPECT_EQ(worse_of(other, same).psnr_db, 50);
  EXPECT_FALSE(worse_of(other, same).agree);
  EXPECT_TRUE(worse_of(same, same).agree);
  EXPECT_EQ(worse_of(other, Comparison{}).method, Method::kIncomparable);
  EXPECT_EQ(worse_of(Comparison{}, same).method, Method::kIncomparable);
}

}  // namespace
}  // namespace worldshare::verifier
