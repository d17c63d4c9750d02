#include "agents/devices/self_test.h"

#include <gtest/gtest.h>

#include "agents/blender/probe.h"
#include "agents/devices/checked_device.h"
#include "tests/blender/scene_folder.h"

namespace worldshare::agent {
namespace {

using testing::blender_options;
using testing::scene_folder;
using testing::TempFolder;

// The CPU is real; a GPU that is not there is the only one that can be asked for here.
const Device kNoGpu{
    "cuda:0",     "CUDA", "CUDA_NVIDIA GeForce RTX 3090_0000:65:00", "NVIDIA GeForce RTX 3090",
    "0000:65:00", 0};

TEST(SelfTestOfBlender, TheCpuPassesIsRememberedAndAskedAgainWhenSomethingChanged) {
  TempFolder folder;
  const auto options = blender_options(folder);
  const auto probed = probe(options, folder.path() / "capabilities");
  ASSERT_TRUE(probed) << probed.error().message;
  const auto cache = folder.path() / "self-test";
  const auto first = self_test(options, probed->can.blender, cache, "driver 1");
  EXPECT_EQ(first.trouble, "");
  EXPECT_FALSE(first.remembered);
  EXPECT_GT(first.seconds, 0);
  EXPECT_TRUE(first.label.starts_with(device_label({}))) << first.label;
  const auto second = self_test(options, probed->can.blender, cache, "driver 1");
  EXPECT_TRUE(second.remembered);
  EXPECT_EQ(second.label, first.label);
  const auto third = self_test(options, probed->can.blender, cache, "driver 2");
  EXPECT_FALSE(third.remembered);
  EXPECT_EQ(third.label, first.label) << "the same bits again";
}

TEST(SelfTestOfBlender, MoreThreadsGiveTheSameBits) {
  TempFolder folder;
  auto options = blender_options(folder);
  const auto one = self_test(options, "0.0.0", folder.path() / "one", "");
  options.threads = 4;
  const auto four = self_test(options, "0.0.0", folder.path() / "four", "");
  EXPECT_EQ(one.trouble, "");
  EXPECT_EQ(one.label, four.label);
  EXPECT_EQ(one.label.size(), device_label({}).size() + 9) << "no answer is known for this version";
}

TEST(SelfTestOfBlender, ADeviceThatBlenderDoesNotFindIsLeftOutAndTriedAgain) {
  TempFolder folder;
  auto options = blender_options(folder);
  options.device = kNoGpu;
  const auto cache = folder.path() / "self-test";
  for (int i = 0; i < 2; ++i) {
    const auto test = self_test(options, "3.4.1", cache, "");
    EXPECT_FALSE(test.remembered);
    EXPECT_TRUE(test.trouble.contains("CUDA")) << test.trouble;
  }
}

TEST(SelfTestOfBlender, AUnitForADeviceThatIsGoneFailsByItsNameAndIsNotRenderedByTheCpu) {
  TempFolder folder;
  auto options = blender_options(folder);
  options.device = kNoGpu;
  auto worker = BlenderWorker::start(options, scene_folder() / "cycles.blend");
  ASSERT_TRUE(worker) << worker.error().message;
  const auto outcome = (*worker)->render(testing::request(1), {}, {});
  EXPECT_EQ(outcome.end, RenderEnd::kFailed);
  EXPECT_EQ(outcome.code, "device") << outcome.error;
}

TEST(SelfTestOfBlender, ADeviceWithoutItsFilesIsLeftOutBeforeBlenderIsAsked) {
  TempFolder folder;
  const auto options = blender_options(folder);
  Probe probed;
  probed.devices = {Device{}, kNoGpu};
  probed.can.blender = "3.4.1";
  const auto devices = check_devices({"auto"}, probed, options, folder.path());
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ(devices->at(0).test.trouble, "");
  EXPECT_TRUE(devices->at(1).test.trouble.contains("cuda:0")) << devices->at(1).test.trouble;
  EXPECT_EQ(no_device(*devices), "");
}

}  // namespace
}  // namespace worldshare::agent
