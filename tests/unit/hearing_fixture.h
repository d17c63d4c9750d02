#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "tests/support/temp_folder.h"
#include "tests/unit/decode_png_maker.h"
#include "verifier/metrics/metrics.h"
#include "verifier/policy/shipped_policies.h"
#include "verifier/trust/hearing.h"

namespace worldshare::verifier {

/// Results of one unit of 24x20 pixels, and a blob store with pictures.
class HearingTest : public ::testing::Test {
 protected:
  HearingTest()
      : store_(blobs::Store::open(folder_.path() / "blobs").value()),
        artifacts_(store_, {}),
        metrics_(make_cpu_metrics({})),
        evidence_(artifacts_, *metrics_, {}) {}

  static Rules rules(const std::string& name) {
    return rules_in_production(
               policy::read_policies(policy::shipped_policies(), "policy.yaml").value(), name)
        .value();
  }

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

  Submission& rendered(const std::string& name, const std::string& artifact) {
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
    out.lease.frame_size = {24, 20};
    out.finding.outcome = outcome;
    return out;
  }

  /// Holds hearings until nothing is lacking; counts them.
  Minutes hold(const Papers& papers = {}) {
    for (held_ = 1;; ++held_) {
      Minutes minutes;
      Beliefs beliefs(rules_.parameters);
      for (const auto& [owner, standing] : standings_)
        beliefs.restore(owner, standing, "it cheated");
      Court court{exhibits_, minutes, rules_,     beliefs, [&](double) { return lucky_; },
                  trusted_,  0,       few_owners_};
      court.seed = [this] { return seed_++; };
      Hearing hearing(papers, court);
      for (const auto& submission : submissions_) hearing.hear(submission);
      if (!exhibits_.lacks_something()) return minutes;
      const auto failed = exhibits_.gather(evidence_, [] { return true; });
      EXPECT_TRUE(failed.empty());
    }
  }

  static std::vector<wire::Decision> decisions(const Minutes& minutes) {
    std::vector<wire::Decision> out;
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
  std::map<std::string, policy::Standing> standings_;
  Rules rules_ = rules("founding");
  bool lucky_ = false;
  bool trusted_ = false;                                ///< there is trusted hardware
  std::uint64_t seed_ = 1;                              ///< of the next audit
  std::optional<std::vector<std::string>> few_owners_;  ///< all who are connected; none: many
  int held_ = 0;
};

}  // namespace worldshare::verifier
