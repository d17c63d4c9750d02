#include <gmock/gmock.h>

#include <fstream>
#include <random>

#include "shared/sharding/division.h"
#include "tests/unit/hearing_audit_fixture.h"
#include "verifier/assembly/float_file.h"

// Halves of a frame's samples in hearings: each is audited, the two verify each other, and make the
// frame together.

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using wire::Decision;

class HearingHalvesTest : public HearingAuditTest {
 protected:
  HearingHalvesTest() {
    rules_ = rules("strict");
    rules_.audit_cost = 0.05;
    trusted_ = true;
  }

  /// A picture of `level` with noise of its own.
  std::string noisy(float level, unsigned seed) {
    Picture picture(Shape{24, 20, 4, Depth::kF32});
    std::mt19937 engine(seed);
    std::normal_distribution<float> noise(0, 0.02F);
    for (std::uint32_t y = 0; y < 20; ++y) {
      for (std::uint32_t i = 0; i < 24 * 4; ++i)
        picture.row<float>(y)[i] = i % 4 == 3 ? 1.0F : level + noise(engine);
    }
    const auto path = folder_.path() / "half.exr";
    WS_CHECK(write_float_file(path, picture).has_value(), "file");
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    return put(Bytes(bytes.begin(), bytes.end()));
  }

  Submission& half(const std::string& lease, std::uint32_t which, const std::string& artifact) {
    Submission& out = render(lease, artifact);
    as_half(out, which);
    return out;
  }

  /// The answer to the n-th audit, which is of that half.
  Submission& audit_half(const std::string& lease,
                         std::size_t n,
                         std::uint32_t which,
                         const std::string& artifact) {
    Submission& out = audit(lease, n, artifact);
    as_half(out, which);
    return out;
  }

  /// These replicas, because nobody could audit the halves.
  Minutes render_whole(std::initializer_list<const char*> leases) {
    papers_.replicas_wanted = 8;
    const std::string right = picture(1);
    for (const char* lease : leases) render(lease, right).lease.instead_of_audits = true;
    return sit();
  }
  static void as_half(Submission& out, std::uint32_t which) {
    out.lease.half = which;
    out.lease.shard = sharding::half_of({}, which, 32);
    out.lease.image.format = image::Format::kExr;
    out.lease.image.float_rgba = true;
  }

  /// All audits that are open find nothing.
  Minutes pass_all() {
    Minutes minutes;
    while (open() > 0) {
      const auto next = std::ranges::find(papers_.audits, AuditState::kOpen, &FiledAudit::state);
      const auto target =
          std::ranges::find(papers_.results, next->order.target, &FiledResult::lease);
      const auto n = static_cast<std::size_t>(next - papers_.audits.begin());
      audit_half("audit" + std::to_string(n), n, *target->half, target->artifact);
      minutes = sit();
    }
    return minutes;
  }
};

TEST_F(HearingHalvesTest, TwoHalvesThatShowTheSameMakeTheFrame) {
  const std::string first = noisy(0.5F, 1);
  const std::string second = noisy(0.5F, 2);
  half("a", 0, first);
  Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  EXPECT_GE(minutes.audit_orders.size(), 2U) << "a half is audited before the other is asked for";
  EXPECT_THAT(minutes.verdicts[0].policy, HasSubstr("strict, by halves and trusted hardware"));
  minutes = pass_all();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::more_replicas);
  EXPECT_EQ(minutes.verdicts.back().verdict.replicas_needed, 1);
  half("b", 1, second);
  minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  ASSERT_EQ(minutes.comparisons.size(), 1U);
  EXPECT_EQ(minutes.comparisons[0].comparison.method, Method::kHalves);
  EXPECT_TRUE(minutes.comparisons[0].comparison.agree);
  for (const auto& row : minutes.audit_orders) EXPECT_EQ(row.order.target, "b");
  minutes = pass_all();
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_THAT(minutes.merged, UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(minutes.outputs.empty());
  EXPECT_EQ(minutes.judged.at("a"), "agreed");
  EXPECT_EQ(minutes.trust.size(), 2U);
  EXPECT_EQ(minutes.verdicts.back().verdict.opinions, 2);
}

TEST_F(HearingHalvesTest, HalvesThatShowDifferentThingsAreLookedIntoByTrustedHardware) {
  const std::string first = noisy(0.5F, 1);
  half("a", 0, first);
  sit();
  pass_all();
  half("b", 1, noisy(0.9F, 2));
  const Minutes minutes = sit();
  EXPECT_EQ(decisions(minutes), std::vector{Decision::pending});
  ASSERT_EQ(minutes.audit_orders.size(), 1U);
  EXPECT_TRUE(minutes.audit_orders[0].order.trusted);
  EXPECT_FALSE(minutes.audit_orders[0].order.whole());
  EXPECT_FALSE(minutes.comparisons.at(0).comparison.agree);
}

TEST_F(HearingHalvesTest, TwoOfTheSameHalfMakeNoFrame) {
  const std::string first = noisy(0.5F, 1);
  half("a", 0, first);
  sit();
  pass_all();
  half("a2", 0, first);
  const Minutes minutes = sit();
  EXPECT_NE(minutes.verdicts.back().verdict.decision, Decision::accepted);
  EXPECT_TRUE(minutes.merged.empty());
}

TEST_F(HearingHalvesTest, AWrongHalfIsProvedWrongAndAnotherOwnerIsAskedForIt) {
  const std::string right = noisy(0.5F, 1);
  half("a", 0, noisy(0.9F, 3));
  sit();
  audit_half("x", 0, 0, right);
  sit();
  for (std::size_t n = 0; n < papers_.audits.size(); ++n) {
    if (!papers_.audits[n].order.trusted || papers_.audits[n].state != AuditState::kOpen) continue;
    audit_half("t" + std::to_string(n), n, 0, right).lease.owner = "the machine";
    sit();
  }
  ASSERT_EQ(papers_.results.at(0).judged, "rejected");
  EXPECT_FALSE(papers_.ending);
}

TEST_F(HearingHalvesTest, WhereNobodyCanLookWholeReplicasDecideAndHalvesCountNoMore) {
  half("a", 0, noisy(0.5F, 1));
  sit();
  const Minutes minutes = render_whole({"b", "c", "d", "e"});
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_EQ(minutes.outputs.size(), 1U);
  EXPECT_TRUE(minutes.merged.empty());
  EXPECT_THAT(minutes.verdicts.back().policy, HasSubstr("by whole replicas"));
}

TEST_F(HearingHalvesTest, AFrameThatIsAcceptedWholePaysNoAuditOfAHalf) {
  half("a", 0, noisy(0.9F, 3));
  sit();
  audit_half("x", 0, 0, noisy(0.5F, 1));
  sit();
  ASSERT_EQ(papers_.audits.at(0).state, AuditState::kFailed);
  const Minutes minutes = render_whole({"b", "c", "d", "e"});
  ASSERT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted)
      << minutes.verdicts.back().verdict.reason;
  EXPECT_THAT(minutes.credited, UnorderedElementsAre("b", "c", "d", "e"));
  EXPECT_FALSE(minutes.judged.contains("x"));
}

TEST_F(HearingHalvesTest, AWholeReplicaUnderTheSamePolicyIsReplicated) {
  const std::string right = picture(1);
  papers_.replicas_wanted = 8;
  for (const char* lease : {"a", "b", "c", "d"}) render(lease, right);
  const Minutes minutes = sit();
  EXPECT_EQ(minutes.verdicts.back().verdict.decision, Decision::accepted);
  EXPECT_THAT(minutes.verdicts.back().policy, HasSubstr("its replicas are no halves"));
}

}  // namespace
}  // namespace worldshare::verifier
