#include "verifier/trust/hearing.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/support/temp_folder.h"
#include "tests/unit/decode_png_maker.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {
namespace {

using wire::Decision;

/// Results of one unit of 24x20 pixels, and a blob store with pictures.
class HearingTest : public ::testing::Test {
 protected:
  HearingTest()
      : store_(blobs::Store::open(folder_.path() / "blobs").value()),
        artifacts_(store_, {}),
        metrics_(make_cpu_metrics({})),
        evidence_(artifacts_, *metrics_, {}) {}

  std::string put(const Bytes& file) {
    const std::string name = to_hex(sha256(file));
    auto upload = store_.begin(name, file.size()).value();
    WS_CHECK(upload.write(file) && upload.commit(), "blob");
    return name;
  }

  std::string picture(unsigned seed) {
    worldshare::testing::PngMaker png{.width = 24, .height = 20};
    png.fill(seed);
    return put(png.file());
  }

  /// Its structure is in order, and its pixels are one byte short.
  std::string undecodable() {
    worldshare::testing::PngMaker png{.width = 24, .height = 20};
    png.fill(1);
    png.rows.pop_back();
    return put(png.file());
  }

  const Submission& rendered(const std::string& name, const std::string& artifact) {
    Submission& out = add(name, Finding::Outcome::kRendered);
    out.result.artifact = std::make_unique<wire::ArtifactT>();
    out.result.artifact->sha256 = artifact;
    return out;
  }

  Submission& add(const std::string& name, Finding::Outcome outcome) {
    Submission& out = submissions_.emplace_back();
    out.lease.lease = name;
    out.lease.owner = "owner of " + name;
    out.lease.unit = 1;
    out.lease.job = "job";
    out.lease.image = {image::Format::kPng, 24, 20, 1 << 20};
    out.finding.outcome = outcome;
    return out;
  }

  /// Holds hearings until nothing is lacking; counts them.
  Minutes hold(const Papers& papers = {}) {
    for (held_ = 1;; ++held_) {
      Minutes minutes;
      Hearing hearing(papers, exhibits_, minutes, 0);
      for (const auto& submission : submissions_) hearing.hear(submission);
      if (!exhibits_.lacks_something()) return minutes;
      const auto failed = exhibits_.gather(evidence_, [] { return true; });
      EXPECT_TRUE(failed.empty());
    }
  }

  static std::vector<Decision> decisions(const Minutes& minutes) {
    std::vector<Decision> out;
    for (const auto& row : minutes.verdicts) out.push_back(row.verdict.decision);
    return out;
  }

  const worldshare::testing::TempFolder folder_;
  blobs::Store store_;
  Artifacts artifacts_;
  std::unique_ptr<Metrics> metrics_;
  Evidence evidence_;
  Exhibits exhibits_;
  std::deque<Submission> submissions_;
  int held_ = 0;
};

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
  EXPECT_EQ(held_, 2) << "one blob is not compared, but proven";
  hold();
  EXPECT_EQ(held_, 1) << "and not twice";
  exhibits_.begin_sitting();
  hold();
  EXPECT_EQ(held_, 1) << "not in the next sitting either";
}

TEST_F(HearingTest, WhatIsKnownOrNoLongerMattersChangesNothing) {
  Papers papers;
  papers.results.push_back({"a", "owner of a", true, true, picture(1), ""});
  papers.voids.push_back("v");
  rendered("a", picture(1));
  add("v", Finding::Outcome::kVoid);
  add("x", Finding::Outcome::kFailed).lease.owner = "owner of a";
  EXPECT_TRUE(hold(papers).results.empty());
  papers.ending = Ending{true, "a", picture(1)};
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
  papers.results.push_back({"a", "owner of a", true, true, picture(1), ""});
  papers.results.push_back({"b", "owner of b", true, true, picture(2), ""});
  papers.comparisons[{"a", "b"}] = Comparison{};
  rendered("c", picture(2));
  const Minutes minutes = hold(papers);
  EXPECT_EQ(decisions(minutes), std::vector{Decision::accepted});
  ASSERT_EQ(minutes.comparisons.size(), 2U) << "a and b are on record";
  EXPECT_EQ(minutes.judged.at("a"), "rejected");
  EXPECT_EQ(minutes.judged.at("b"), "agreed");
  EXPECT_EQ(minutes.records.at("owner of a").rejected, 1U);
  EXPECT_EQ(minutes.credited, (std::vector<std::string>{"b", "c"}));
}

TEST_F(HearingTest, WhatDoesNotDecodeIsNeverAccepted) {
  const std::string broken = undecodable();
  rendered("a", broken);
  rendered("b", broken);
  rendered("c", picture(1));
  rendered("d", picture(1));
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
  Hearing hearing({}, exhibits_, minutes, 0);
  for (const auto& submission : submissions_) hearing.hear(submission);
  ASSERT_TRUE(exhibits_.lacks_something());
  const auto stopped = exhibits_.gather(evidence_, [] { return false; });
  EXPECT_EQ(stopped.at(1).code, Errc::kUnavailable);
  EXPECT_FALSE(exhibits_.lacks_something());
}

}  // namespace
}  // namespace worldshare::verifier
