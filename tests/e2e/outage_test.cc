#include <gtest/gtest.h>

#include <thread>

#include "tests/e2e/render_run.h"

namespace worldshare::testing {
namespace {

using namespace std::chrono_literals;

class Outage : public ::testing::TestWithParam<const char*> {};

TEST_P(Outage, OfTwentySecondsLosesNothing) {
  RenderRun run(test_scene("CYCLES"), {"--frames", "1-24", "--agents", "3"});
  run.start();
  ASSERT_TRUE(run.wait_for_replicas(12, 180s)) << run.logs();
  {
    const RenderRun::Freeze outage(run, GetParam());
    ASSERT_GE(outage.count(), 1U) << run.logs();
    std::this_thread::sleep_for(20s);  // the length of the outage is what is tested
  }
  ASSERT_EQ(run.wait(300s), 0) << run.logs();
  EXPECT_EQ(run.frame_files().size(), 24U);
  EXPECT_NE(run.output().find("24 of 24 frames verified"), std::string::npos) << run.output();
  for (const auto& process : run.processes()) ADD_FAILURE() << "left over: " << process.command;
}

INSTANTIATE_TEST_SUITE_P(Services,
                         Outage,
                         ::testing::Values("nats-server", "postgres"),
                         [](const auto& service) {
                           return service.param == std::string("postgres") ? "PostgreSql" : "Nats";
                         });

}  // namespace
}  // namespace worldshare::testing
