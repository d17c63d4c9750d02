#include "agents/blender/progress.h"

#include <gtest/gtest.h>

#include <string>

namespace worldshare::agent {
namespace {

TEST(Progress, CyclesLineOf34TellsFrameTilesSamplesAndRemainingTime) {
  const auto line = parse_progress(
      "Fra:1 Mem:94.11M (Peak 94.11M) | Time:01:50.95 | Remaining:07:43:38.52 | Mem:81.23M, "
      "Peak:81.23M | Scene, ViewLayer | Rendered 3/1024 Tiles, Sample 1/2");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->frame, 1);
  ASSERT_TRUE(line->fraction);
  EXPECT_NEAR(*line->fraction, 3.5 / 1024, 1e-9);
  ASSERT_TRUE(line->remaining_seconds);
  EXPECT_NEAR(*line->remaining_seconds, 7 * 3600 + 43 * 60 + 38.52, 1e-6);
}

TEST(Progress, CyclesLineWithoutTilesCountsSamples) {
  const auto line = parse_progress(
      "Fra:-3 Mem:10M (Peak 10M) | Time:00:01.00 | Remaining:00:03.00 | Mem:1M, Peak:1M | Scene, "
      "Sample 7/8 | Sample 16/64");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->frame, -3);
  EXPECT_NEAR(line->fraction.value_or(-1), 0.25, 1e-9);
  EXPECT_NEAR(line->remaining_seconds.value_or(-1), 3.0, 1e-9);
}

TEST(Progress, EeveeLineOf34) {
  const auto line =
      parse_progress("Fra:12 Mem:34.27M (Peak 40.24M) | Time:00:01.37 | Rendering 1 / 64 samples");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->frame, 12);
  EXPECT_NEAR(line->fraction.value_or(-1), 1.0 / 64, 1e-9);
  EXPECT_FALSE(line->remaining_seconds);
}

TEST(Progress, LinesOf5xHaveAPrefixAndASpace) {
  const auto cycles = parse_progress(
      "00:04.230  render           | Fra: 1 | Remaining: 01:43.73 | Mem: 1699M | Sample 1/128");
  ASSERT_TRUE(cycles);
  EXPECT_EQ(cycles->frame, 1);
  EXPECT_NEAR(cycles->fraction.value_or(-1), 1.0 / 128, 1e-9);
  EXPECT_NEAR(cycles->remaining_seconds.value_or(-1), 103.73, 1e-9);
  const auto eevee = parse_progress("01:00:04.230  render    | Fra: 7 | Rendering 25 / 64 samples");
  ASSERT_TRUE(eevee);
  EXPECT_EQ(eevee->frame, 7);
  EXPECT_NEAR(eevee->fraction.value_or(-1), 25.0 / 64, 1e-9);
}

TEST(Progress, LinesWithoutACountKeepTheFrameAlone) {
  const auto line = parse_progress(
      "Fra:1 Mem:94.11M (Peak 94.11M) | Time:00:00.10 | Syncing Cube | Rendering zero");
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->fraction);
}

TEST(Progress, NonsenseIsNotProgress) {
  for (const char* text : {"", "Fra:", "Fra:x", "Blender 3.4.1", "| Fra:1 | Sample 1/2",
                           "Saved: 'a'", "00:", "12:| "}) {
    EXPECT_FALSE(parse_progress(text)) << text;
  }
  for (const char* text : {"Fra:1 | Sample 3/0", "Fra:1 | Sample 9/8", "Fra:1 | Sample /8",
                           "Fra:1 | Sample 1/", "Fra:1 | Sample 99999999999999999999999/8"}) {
    const auto line = parse_progress(text);
    ASSERT_TRUE(line) << text;
    EXPECT_FALSE(line->fraction) << text;
  }
}

TEST(Progress, SavedLinesOfBothStyles) {
  EXPECT_EQ(parse_saved("Saved: '/tmp/it's/0001.png'"), "/tmp/it's/0001.png");
  EXPECT_EQ(parse_saved("00:05.000  render           | Saved: '/tmp/out/still0001.png'"),
            "/tmp/out/still0001.png");
  EXPECT_FALSE(parse_saved("Saved: /tmp/from-a-file-output-node.png"));
}

TEST(Progress, FatalPhrasesHaveACode) {
  EXPECT_EQ(find_fault("Error: Build without OpenImageDenoiser")->code, "no_denoiser");
  EXPECT_EQ(find_fault("Failed to denoise, build has no OpenImageDenoise support")->code,
            "no_denoiser");
  EXPECT_EQ(find_fault("BPY_driver_eval() - restricted access disallows opcode '116', enable "
                       "auto-execution to support")
                ->code,
            "driver_script");
  EXPECT_EQ(find_fault("Error in PyDriver: expression failed: getpid()")->code, "driver_script");
  EXPECT_EQ(find_fault("CUDA error: Out of memory in cuMemAlloc")->code, "gpu_memory");
  EXPECT_EQ(find_fault("Error: Failed to read blend file 'x': Missing DNA block")->code,
            "scene_unreadable");
  EXPECT_FALSE(find_fault("Fra:1 Mem:94.11M (Peak 94.11M) | Time:00:00.10 | Syncing Cube"));
}

TEST(OutputLog, CutsLinesAcrossReads) {
  OutputLog log;
  log.append("one\ntw");
  log.append("o\r\nthree");
  EXPECT_EQ(log.next_line(), "one");
  EXPECT_EQ(log.next_line(), "two");
  EXPECT_EQ(log.next_line(), std::nullopt);
  log.append("\n");
  EXPECT_EQ(log.next_line(), "three");
}

TEST(OutputLog, TailIsBoundedAndBeginsAtALine) {
  OutputLog log;
  for (int i = 0; i < 5000; ++i) log.append("line " + std::to_string(i) + "\n");
  const std::string tail = log.tail();
  EXPECT_LE(tail.size(), OutputLog::kTailBytes);
  EXPECT_TRUE(tail.starts_with("line "));
  EXPECT_TRUE(tail.ends_with("line 4999\n"));
}

TEST(OutputLog, ALineWithoutEndDoesNotGrowForEver) {
  OutputLog log;
  log.append(std::string(100'000, 'x'));
  EXPECT_EQ(log.next_line()->size(), OutputLog::kLineBytes);
  EXPECT_LE(log.tail().size(), OutputLog::kTailBytes);
  EXPECT_TRUE(log.overflowed());
}

TEST(OutputLog, LinesThatNobodyTakesDoNotGrowForEver) {
  OutputLog log;
  const std::string line = std::string(1000, 'x') + "\n";
  log.append("first\n");
  for (std::size_t sent = 0; sent < OutputLog::kWaitingBytes - 100'000; sent += 1100)
    log.append(line);
  EXPECT_FALSE(log.overflowed());
  for (int i = 0; i < 3000; ++i) log.append(line);
  EXPECT_TRUE(log.overflowed());
  EXPECT_EQ(log.next_line(), "first") << "what was there first stays";
  std::size_t bytes = 0;
  while (const auto waiting = log.next_line()) bytes += waiting->size();
  EXPECT_LE(bytes, OutputLog::kWaitingBytes);
  log.append("later\n");
  EXPECT_EQ(log.next_line(), "later") << "and there is room again";
}

}  // namespace
}  // namespace worldshare::agent
