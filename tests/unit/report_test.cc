#include "verifier/report.h"

#include <gtest/gtest.h>

#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::verifier {
namespace {

/// What an agent says, signed.
Result<wire::ResultT> opened(wire::Outcome outcome) {
  const NKey agent = NKey::generate();
  wire::ResultT result;
  result.lease = new_id();
  result.agent = agent.public_key();
  result.outcome = outcome;
  result.renderer = "Blender 3.4.1";
  result.error_code = "undecodable";
  result.error = "its artifact does not decode";
  wire::SignedResultT message;
  message.payload = messages::encode(result);
  message.signature = agent.sign(message.payload);
  return open_report("results." + result.agent + "." + result.lease, messages::encode(message));
}

/// In the rows that is the verifier's mark of an artifact that does not decode.
TEST(Report, WhatWasRenderedCarriesNoErrorOfTheAgents) {
  const auto report = opened(wire::Outcome::rendered);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->error_code, "");
  EXPECT_EQ(report->error, "");
  EXPECT_EQ(report->renderer, "Blender 3.4.1");
}

TEST(Report, WhatFailedSaysWhy) {
  const auto report = opened(wire::Outcome::failed);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->error_code, "undecodable");
  EXPECT_EQ(report->error, "its artifact does not decode");
}

}  // namespace
}  // namespace worldshare::verifier
