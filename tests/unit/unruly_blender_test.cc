#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "agents/blender/blender_worker.h"
#include "tests/support/temp_folder.h"

namespace worldshare::agent {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A program in Blender's place that says and reads what it likes, as a scene could make it do.
class UnrulyBlender : public ::testing::Test {
 protected:
  BlenderOptions that_does(const std::string& script) {
    BlenderOptions out;
    out.blender = folder_.path() / "blender";
    out.scratch = folder_.path() / "scratch";
    std::ofstream(out.blender) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(out.blender, fs::perms(0755));
    return out;
  }
  RenderOutcome render(const std::string& script) {
    auto worker = BlenderWorker::start(that_does(script), "");
    EXPECT_TRUE(worker) << worker.error().message;
    RenderRequest unit;
    unit.deadline = std::chrono::steady_clock::now() + 1s;
    RenderOutcome out = (*worker)->render(unit, {}, {});
    EXPECT_FALSE((*worker)->alive());
    return out;
  }

  testing::TempFolder folder_;
};

TEST_F(UnrulyBlender, ItsOutputHoldsUpNoLimit) { EXPECT_EQ(render("exec yes").code, "timeout"); }

TEST_F(UnrulyBlender, ItsReportsHoldUpNoLimit) {
  EXPECT_EQ(render("exec yes '{}' >&3").code, "timeout");
}

TEST_F(UnrulyBlender, AReportWithoutEndIsACrash) {
  const RenderOutcome outcome = render("exec tr '\\0' x </dev/zero >&3");
  EXPECT_EQ(outcome.end, RenderEnd::kCrashed);
  EXPECT_EQ(outcome.error, kTooLongReport);
}

TEST_F(UnrulyBlender, OneThatDoesNotReadHoldsUpNobody) {
  auto process = BlenderProcess::start(that_does("exec sleep 100"), "worker", "");
  ASSERT_TRUE(process) << process.error().message;
  Result<> sent;
  for (int i = 0; sent && i < 10'000; ++i) sent = process->send(std::string(1000, 'x'));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::kTimeout);
  EXPECT_FALSE(process->wait_status());
}

}  // namespace
}  // namespace worldshare::agent
