// Frames a minute of a warm Blender beside those of a fresh one for each frame, and a warm one's
// memory over many units: warm_bench SCENE FRAMES UNITS. Writes one JSON object.

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <vector>

#include "agents/blender/renderer.h"
#include "agents/sandbox/sandbox.h"
#include "agents/scratch.h"

namespace {

using namespace worldshare;
using std::chrono::steady_clock;

constexpr std::uint32_t kWidth = 64;
constexpr std::uint32_t kHeight = 36;

agent::RenderRequest frame_request(int frame) {
  agent::RenderRequest out;
  out.frame = frame;
  out.width = kWidth;
  out.height = kHeight;
  out.deadline = steady_clock::now() + std::chrono::minutes(5);
  return out;
}

struct Bench {
  std::filesystem::path scene;
  agent::BlenderOptions options;

  /// The seconds that `frames` frames take; the Blender is ended after each when `fresh`.
  double frames_take(int frames, bool fresh) const {
    agent::Renderer renderer(options);
    const auto before = steady_clock::now();
    for (int i = 0; i < frames; ++i) {
      render(renderer, i);
      if (fresh) renderer.release();
    }
    return std::chrono::duration<double>(steady_clock::now() - before).count();
  }

  /// MiB of one Blender after each of `units` units.
  std::vector<double> memory_over(int units) const {
    agent::Renderer renderer(
        options, {.units = 1'000'000, .age = std::chrono::hours(24), .growth_bytes = 1ULL << 40});
    std::vector<double> out;
    for (int i = 0; i < units; ++i) {
      out.push_back(static_cast<double>(render(renderer, i).memory_bytes) / (1 << 20));
    }
    return out;
  }

 private:
  agent::RenderOutcome render(agent::Renderer& renderer, int i) const {
    auto outcome = renderer.render(scene, frame_request(1 + i % 5), {}, {});
    if (outcome.end != agent::RenderEnd::kDone) {
      fmt::print(stderr, "{}: {}\n", outcome.code, outcome.error);
      std::exit(1);
    }
    return outcome;
  }
};

int number(const char* text) {
  int out = 0;
  std::from_chars(text, text + std::string_view(text).size(), out);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || number(argv[2]) < 1 || number(argv[3]) < 20) {
    fmt::print(stderr, "usage: warm_bench SCENE FRAMES UNITS (20 or more)\n");
    return 2;
  }
  auto sandbox = agent::Sandbox::open({});
  if (!sandbox) {
    fmt::print(stderr, "{}\n", sandbox.error().message);
    return 1;
  }
  const agent::Scratch scratch;
  Bench bench;
  bench.scene = argv[1];
  bench.options.scratch = scratch.path;
  bench.options.sandbox = *sandbox;
  bench.options.threads = 1;
  const int frames = number(argv[2]);
  // In turns, so that another load of the machine meets both.
  const double warm_first = bench.frames_take(frames, false);
  const double fresh = bench.frames_take(frames, true);
  const double warm_second = bench.frames_take(frames, false);
  const auto memory = bench.memory_over(number(argv[3]));
  fmt::print(R"({{"frames": {}, "warm_seconds": {}, "fresh_seconds": {}, "memory_mib_at_10": {}, )"
             R"("memory_mib_at_end": {}, "memory_mib_most": {}}})"
             "\n",
             frames, (warm_first + warm_second) / 2, fresh, memory[9], memory.back(),
             *std::max_element(memory.begin() + 9, memory.end()));
  return 0;
}
