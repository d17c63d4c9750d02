// Renders halves of frames' samples with the agents' own Blender, and compares them with the
// verifier's own library.
//   halves_bench render SCENE OUT WIDTH HEIGHT NAME:FRAME:FIRST:COUNT:TOTAL..
//     each part as OUT/NAME.exr, all by one warm Blender with one thread.
//   halves_bench compare WIDTH HEIGHT < lines "A B CHANGE SEED"
//     A, changed as a cheat would (cheats.h), against B: one JSON object for each line. A is of
//     half the width and height where CHANGE scales it up.
//   halves_bench time WIDTH HEIGHT
//     the CPU seconds of a comparison.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "agents/blender/artifact.h"
#include "agents/blender/renderer.h"
#include "agents/scratch.h"
#include "shared/image/canonical.h"
#include "tests/bench/halves/cheats.h"
#include "verifier/audit/halves.h"
#include "verifier/image/decode.h"

namespace {

using namespace worldshare;
constexpr std::uint64_t kLimit = 1ULL << 28;

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "halves_bench: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result, const std::string& what) {
  if (!result) die(what + ": " + result.error().message);
  return std::move(*result);
}

std::uint32_t number(const std::string& text) {
  std::uint32_t out = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ptr != text.data() + text.size()) die("not a number: " + text);
  return out;
}

agent::BlenderOptions options_in(const agent::Scratch& scratch) {
  agent::BlenderOptions out;
  out.scratch = scratch.path;
  out.sandbox = must(agent::Sandbox::open({}), "sandbox");
  out.threads = 1;
  return out;
}

/// NAME:FRAME:FIRST:COUNT:TOTAL
std::vector<std::string> fields_of(const std::string& part) {
  std::vector<std::string> out;
  std::istringstream text(part);
  for (std::string field; std::getline(text, field, ':');) out.push_back(field);
  if (out.size() != 5) die("not a part: " + part);
  return out;
}

int render(const std::vector<std::string>& words) {
  const std::filesystem::path out = words[1];
  const agent::Scratch scratch;
  agent::Renderer renderer(options_in(scratch));
  for (std::size_t i = 4; i < words.size(); ++i) {
    const auto fields = fields_of(words[i]);
    agent::RenderRequest request;
    request.width = number(words[2]);
    request.height = number(words[3]);
    request.frame = static_cast<std::int32_t>(number(fields[1]));
    request.samples =
        messages::SampleRange{number(fields[2]), number(fields[3]), number(fields[4])};
    request.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
    const auto outcome = renderer.render(words[0], request, {}, {});
    if (outcome.end != agent::RenderEnd::kDone) die(outcome.code + ": " + outcome.error);
    const Bytes bytes = must(agent::read_artifact(outcome.image, request, kLimit), "artifact");
    std::ofstream file(out / (fields[0] + ".exr"), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) die("cannot write " + fields[0]);
  }
  return 0;
}

verifier::Picture decoded(const std::string& path, std::uint32_t width, std::uint32_t height) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string bytes = text.str();
  verifier::ImageLimits limits;
  limits.format = image::Format::kExr;
  limits.width = width;
  limits.height = height;
  limits.float_rgba = true;
  const Bytes canonical = must(image::canonical(as_bytes(bytes)), path);
  return must(verifier::decode(canonical, limits), path);
}

/// Which of the figures finds a difference.
std::string json_of(const verifier::HalvesFigures& found) {
  verifier::HalvesFigures content = found;
  content.noise = 0;
  verifier::HalvesFigures noise;
  noise.noise = found.noise;
  return fmt::format(R"({{"shows": true, "by_content": {}, "by_noise": {}, )"
                     R"("block": {:.3f}, "window": {:.3f}, "spread": {:.3f}, "noise": {:.3f}}})",
                     !verifier::difference_found(content).empty(),
                     !verifier::difference_found(noise).empty(), found.block, found.window,
                     found.spread, found.noise);
}

int compare(const std::vector<std::string>& words) {
  const std::uint32_t width = number(words[0]);
  const std::uint32_t height = number(words[1]);
  std::string a;
  std::string b;
  std::string change;
  std::uint32_t seed = 0;
  while (std::cin >> a >> b >> change >> seed) {
    const std::uint32_t scale = change == "doubled" || change == "smoothly" ? 2 : 1;
    const auto claim = bench::cheated(decoded(a, width / scale, height / scale), change, seed);
    if (claim) {
      const auto found = must(verifier::compare_halves(*claim, decoded(b, width, height)), a);
      fmt::print("{}\n", json_of(found));
    } else {
      fmt::print("{{\"shows\": false}}\n");
    }
  }
  return 0;
}

verifier::Picture noise(std::uint32_t width, std::uint32_t height, unsigned seed) {
  verifier::Picture out(verifier::Shape{width, height, 4, verifier::Depth::kF32});
  std::mt19937 random(seed);
  std::exponential_distribution<float> light(2);
  for (std::uint32_t y = 0; y < height; ++y) {
    std::generate_n(out.row<float>(y), std::size_t{width} * 4, [&] { return light(random); });
  }
  return out;
}

int time_of(const std::vector<std::string>& words) {
  constexpr int kRounds = 5;
  const auto a = noise(number(words[0]), number(words[1]), 1);
  const auto b = noise(number(words[0]), number(words[1]), 2);
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    const std::clock_t start = std::clock();
    must(verifier::compare_halves(a, b), "compare");
    seconds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::ranges::sort(seconds);
  fmt::print("{:.4f}\n", seconds[kRounds / 2]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string mode = words.empty() ? "" : words.front();
  if (!words.empty()) words.erase(words.begin());
  if (mode == "render" && words.size() >= 5) return render(words);
  if (mode == "compare" && words.size() == 2) return compare(words);
  if (mode == "time" && words.size() == 2) return time_of(words);
  die("usage: render SCENE OUT WIDTH HEIGHT PART.. | compare WIDTH HEIGHT | time WIDTH HEIGHT");
}
