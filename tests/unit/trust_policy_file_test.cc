#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "verifier/policy/parameter_keys.h"
#include "verifier/policy/policy_file.h"

namespace worldshare::verifier::policy {
namespace {

using ::testing::HasSubstr;

std::string shipped_text() {
  const std::ifstream file(std::string(WS_SOURCE_DIR) + "/verifier/policy/policy.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string error_of(const std::string& text) {
  const auto policies = read_policies(text, "policy.yaml");
  return policies ? "accepted" : policies.error().message;
}

/// The shipped file with one more line in the policy `standard`.
std::string with(const std::string& line) {
  std::string text = shipped_text();
  const std::string before = "  standard:\n";
  text.insert(text.find(before) + before.size(), "    " + line + "\n");
  return text;
}

TEST(PolicyFile, TheShippedOneHasTheFourPolicies) {
  const auto policies = read_policies(shipped_text(), "policy.yaml");
  ASSERT_TRUE(policies) << policies.error().message;
  EXPECT_EQ(policies->size(), 4U);
  EXPECT_EQ(policies->at("founding").mode, Mode::kQuorum);
  EXPECT_EQ(policies->at("founding").replicas.quorum, 2U);
  EXPECT_EQ(policies->at("founding").canaries.rate, 0.1);
  EXPECT_EQ(policies->at("strict").mode, Mode::kSplit);
  EXPECT_EQ(policies->at("replicated").audits.maximum, 0U);
}

TEST(PolicyFile, EveryNumberHasARangeAndTheErrorNamesLineKeyAndRange) {
  for (const ParameterKey& key : parameter_keys()) {
    for (const double wrong : {key.low - 1, key.high * 2 + 1}) {
      const std::string error = error_of(with(fmt::format("{}: {}", key.name, wrong)));
      EXPECT_THAT(error, HasSubstr("policy.yaml:")) << key.name;
      EXPECT_THAT(error,
                  HasSubstr(fmt::format("standard: '{}' must be {}", key.name, key.allowed())));
    }
  }
}

TEST(PolicyFile, WhatIsNoNumberIsRefused) {
  for (const char* wrong : {"nan", "inf", "many", "''", "[1]", "1e999", "0x10", "1 2"}) {
    EXPECT_THAT(error_of(with(fmt::format("risk.limit: {}", wrong))),
                HasSubstr("'risk.limit' must be a number from 1e-09 to 0.5"))
        << wrong;
  }
  EXPECT_THAT(error_of(with("audits.confirmations: 1.5")), HasSubstr("a whole number"));
}

TEST(PolicyFile, UnknownMissingAndDoubleKeysAreNamed) {
  EXPECT_THAT(error_of(with("risk.limmit: 1")), HasSubstr("'risk.limmit' is not a key"));
  EXPECT_THAT(error_of(with("mode: split")), HasSubstr("'mode' is given twice"));
  EXPECT_THAT(error_of("policies: {standard: {mode: evidence}}"),
              HasSubstr("'population.honest.bad' is missing"));
  EXPECT_THAT(error_of("policies: {}"), HasSubstr("'policies.founding' is missing"));
  EXPECT_THAT(error_of("common: {}"), HasSubstr("'policies' is missing"));
  EXPECT_THAT(error_of("rules: {}"), HasSubstr("unknown key 'rules'"));
  EXPECT_THAT(error_of("policies: {a: ["), HasSubstr("policy.yaml:1"));
}

TEST(PolicyFile, NumbersThatDoNotFitTogetherAreRefused) {
  EXPECT_THAT(error_of(with("memory.normal_rate: 0.5")), HasSubstr("'memory.normal_rate' must be"));
  EXPECT_THAT(error_of(with("population.malicious_share_min: 0.6")),
              HasSubstr("'population.malicious_share_min' must be at most"));
  EXPECT_THAT(error_of(with("replicas.quorum: 7")), HasSubstr("'replicas.quorum' must be at most"));
}

TEST(PolicyFile, SplitWithoutAuditsIsRefused) {
  std::string text = shipped_text();
  const std::string audits = "audits: {minimum: 2, maximum: 5}";
  ASSERT_NE(text.find(audits), std::string::npos);
  text.replace(text.find(audits), audits.size(), "audits: {minimum: 0, maximum: 5}");
  EXPECT_THAT(error_of(text), HasSubstr("at least 1 where 'mode' is split"));
}

TEST(PolicyFile, DescribesEveryNumber) {
  const auto policies = read_policies(shipped_text(), "policy.yaml");
  ASSERT_TRUE(policies);
  const std::string text = describe(policies->at("standard"));
  for (const ParameterKey& key : parameter_keys()) {
    EXPECT_THAT(text, HasSubstr(std::string(key.name) + ": "));
  }
  EXPECT_THAT(text, HasSubstr("mode: evidence\n"));
}

}  // namespace
}  // namespace worldshare::verifier::policy
