#include <gtest/gtest.h>
#include <signal.h>

#include "shared/crypto.h"
#include "shared/files.h"
#include "tests/e2e/render_run.h"

namespace worldshare::testing {
namespace {

using namespace std::chrono_literals;

/// The bytes of each file by their hash: what a failed check can print.
std::vector<std::string> contents(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(to_hex(*sha256_file(file)));
  return out;
}

class RenderEngines : public ::testing::TestWithParam<const char*> {};

TEST_P(RenderEngines, FramesEqualALocalRender) {
  const auto scene = test_scene(GetParam());
  RenderRun run(scene, {"--frames", "3-6", "--agents", "2"});
  run.start();
  ASSERT_EQ(run.wait(180s), 0) << run.logs();
  EXPECT_EQ(contents(run.frame_files()), local_render(scene, 3, 6));
  EXPECT_TRUE(run.processes().empty());
}

INSTANTIATE_TEST_SUITE_P(Engines,
                         RenderEngines,
                         ::testing::Values("CYCLES", "BLENDER_WORKBENCH"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST(Render, FramesInTilesEqualALocalRender) {
  const auto scene = test_scene("CYCLES");
  RenderRun run(scene, {"--frames", "3", "--agents", "3", "--divide", "tiles", "--frame-seconds",
                        "100", "--unit-seconds", "25"});
  run.start();
  ASSERT_EQ(run.wait(240s), 0) << run.logs();
  EXPECT_EQ(contents(run.frame_files()), local_render(scene, 3, 3));
  EXPECT_NE(run.output().find("8/8 replicas"), std::string::npos) << run.output();
}

TEST(Render, ShortFramesShareUnitsAndEqualALocalRender) {
  const auto scene = test_scene("CYCLES");
  RenderRun run(
      scene, {"--frames", "1-16", "--agents", "2", "--frames-a-unit", "8", "--frame-seconds", "1"});
  run.start();
  ASSERT_EQ(run.wait(240s), 0) << run.logs();
  EXPECT_EQ(contents(run.frame_files()), local_render(scene, 1, 16));
  EXPECT_NE(run.logs().find(" frames in "), std::string::npos) << "no unit had several frames";
}

TEST(Render, AStillNeedsNoRange) {
  RenderRun run(test_scene("BLENDER_WORKBENCH"), {"--frames", "7", "--agents", "1"});
  run.start();
  ASSERT_EQ(run.wait(120s), 0) << run.logs();
  EXPECT_EQ(run.frame_files().size(), 1U);
  EXPECT_NE(run.output().find("not cross-checked"), std::string::npos);
}

TEST(Render, ATamperedImageIsRejectedAndItsOwnerNamed) {
  RenderRun run(
      test_scene("CYCLES"),
      {"--frames", "1-4", "--agents", "3", "--tamper", "2", "--expect-cheater", "--contact-sheet",
       (std::filesystem::temp_directory_path() / "ws-sheet.png").string()});
  run.start();
  ASSERT_EQ(run.wait(180s), 0) << run.logs();
  EXPECT_NE(run.output().find("Cheating or broken: volunteer-2"), std::string::npos)
      << run.output();
  EXPECT_EQ(contents(run.frame_files()), local_render(test_scene("CYCLES"), 1, 4));
}

TEST(Render, AnInterruptStopsEverything) {
  RenderRun run(test_scene("CYCLES"), {"--frames", "1-24", "--agents", "2"});
  run.start();
  ASSERT_TRUE(run.wait_for_replicas(2, 120s)) << run.logs();
  run.signal(SIGINT);
  EXPECT_EQ(run.wait(30s), 130);
  EXPECT_TRUE(run.processes().empty());
}

TEST(Render, GoesOnAfterItWasKilledItself) {
  RenderRun run(test_scene("CYCLES"), {"--frames", "1-24", "--agents", "3"});
  run.start();
  ASSERT_TRUE(run.wait_for_replicas(6, 120s)) << run.logs();
  run.signal(SIGKILL);
  EXPECT_EQ(run.wait(10s), 128 + SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!run.processes().empty() && std::chrono::steady_clock::now() < deadline) usleep(50'000);
  for (const auto& process : run.processes()) ADD_FAILURE() << "left over: " << process.command;
  run.start();
  ASSERT_EQ(run.wait(240s), 0) << run.logs();
  EXPECT_EQ(run.frame_files().size(), 24U);
}

/// A Blender that crashes when it is to render frame 2.
std::filesystem::path crashing_blender(const std::filesystem::path& folder) {
  const auto program = folder / "blender";
  EXPECT_TRUE(
      write_file_atomically(program,
                            "#!/bin/sh\n"
                            "sed -u '/\"frame\":2,/{s/.*/boom/;q}' | /usr/bin/blender \"$@\"\n",
                            0755));
  return program;
}

TEST(Render, AFrameThatNobodyCanRenderFailsWithTheReasonAndTheOthersArrive) {
  const TempFolder folder;
  RenderRun run(test_scene("CYCLES"),
                {"--frames", "1-3", "--agents", "3", "--blender", crashing_blender(folder.path())});
  run.start();
  EXPECT_EQ(run.wait(180s), 1) << run.logs();
  const std::string said = run.output();
  EXPECT_NE(said.find("2 of 3 frames verified"), std::string::npos) << said;
  EXPECT_NE(said.find("Blender ended"), std::string::npos) << said;
  const auto local = local_render(test_scene("CYCLES"), 1, 3);
  EXPECT_EQ(contents(run.frame_files()), (std::vector{local[0], local[2]}));
  EXPECT_TRUE(run.processes().empty());
}

struct BadScene {
  const char* name;
  const char* bytes;
  const char* says;
};

class BadScenes : public ::testing::TestWithParam<BadScene> {};

TEST_P(BadScenes, AreRefusedWithTheReason) {
  const TempFolder folder;
  const auto file = folder.path() / "scene.blend";
  ASSERT_TRUE(write_file_atomically(file, GetParam().bytes));
  RenderRun run(file, {"--frames", "1", "--agents", "1"});
  run.start();
  EXPECT_EQ(run.wait(60s), 2) << run.output();
  EXPECT_NE(run.output().find(GetParam().says), std::string::npos) << run.output();
  EXPECT_TRUE(run.processes().empty());
}

INSTANTIATE_TEST_SUITE_P(Render,
                         BadScenes,
                         ::testing::Values(BadScene{"not_a_scene", "hello, I am a text file",
                                                    "not a .blend"},
                                           BadScene{"truncated", "BLENDER-v304REND", "cut off"}),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(Render, AFileOfANewerBlenderIsRefusedWithTheVersions) {
  const TempFolder folder;
  const auto file = folder.path() / "newer.blend";
  auto bytes = read_file(test_scene("CYCLES"), 1U << 24);
  ASSERT_TRUE(bytes && bytes->starts_with("BLENDER-v304"));
  bytes->replace(9, 3, "999");
  ASSERT_TRUE(write_file_atomically(file, *bytes));
  RenderRun run(file, {"--frames", "1", "--agents", "1"});
  run.start();
  EXPECT_EQ(run.wait(60s), 2) << run.output();
  EXPECT_NE(run.output().find("9.99"), std::string::npos) << run.output();
}

}  // namespace
}  // namespace worldshare::testing
