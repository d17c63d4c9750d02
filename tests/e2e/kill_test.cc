#include <gtest/gtest.h>

#include <cstdlib>

#include "shared/crypto.h"
#include "tests/e2e/render_run.h"

namespace worldshare::testing {
namespace {

using namespace std::chrono_literals;

// Part of the command line of each kind of process in a stack.
constexpr const char* kVictims[] = {"worldshare-dispatcher", "worldshare-verifier", "nats-server",
                                    "bin/postgres",          "worldshare-agent",    "blender -b"};

void kill_and_check(const std::string& victim, int after_replicas) {
  SCOPED_TRACE(victim + " after " + std::to_string(after_replicas) + " replicas");
  RenderRun run(test_scene("CYCLES"), {"--frames", "1-24", "--agents", "3"});
  run.start();
  ASSERT_TRUE(run.wait_for_replicas(after_replicas, 180s)) << run.logs();
  ASSERT_TRUE(run.kill_one(victim)) << run.logs();
  ASSERT_EQ(run.wait(300s), 0) << run.logs();
  EXPECT_EQ(run.frame_files().size(), 24U);
  EXPECT_NE(run.output().find("24 of 24 frames verified"), std::string::npos) << run.output();
  for (const auto& process : run.processes()) ADD_FAILURE() << "left over: " << process.command;
}

class KillOne : public ::testing::TestWithParam<const char*> {};

TEST_P(KillOne, TheJobStillEndsWithEveryFrame) { kill_and_check(GetParam(), 12); }

INSTANTIATE_TEST_SUITE_P(Victims, KillOne, ::testing::ValuesIn(kVictims), [](const auto& victim) {
  std::string name = victim.param;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
});

// Random processes at random moments; WS_CHAOS_ROUNDS=10 for the long form.
TEST(KillRandom, TheJobStillEndsWithEveryFrame) {
  const char* rounds = std::getenv("WS_CHAOS_ROUNDS");
  const int count = rounds != nullptr ? std::atoi(rounds) : 1;
  for (int i = 0; i < count; ++i) {
    kill_and_check(kVictims[random_below(std::size(kVictims))], static_cast<int>(random_below(44)));
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace worldshare::testing
