#include "verifier/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "shared/crypto.h"
#include "verifier/consensus/agreement.h"
#include "verifier/consensus/consensus.h"
#include "verifier/image/artifacts.h"
#include "verifier/image/png_file.h"

namespace worldshare::verifier {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kWidth = 1920;
constexpr std::uint32_t kHeight = 1080;
constexpr std::size_t kUnits = 24;  // different ones; each is used again and again
constexpr std::uint64_t kDecodingBytes = 32ULL << 30;

/// A smooth picture with noise in its lower bits, about as large in a file as a rendering.
Picture rendering(std::uint32_t seed) {
  Picture out({kWidth, kHeight, 3, Depth::kU8});
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    auto* row = out.row<std::uint8_t>(y);
    for (std::uint32_t x = 0; x < 3 * kWidth; ++x) {
      state = state * 1664525U + 1013904223U;
      row[x] = static_cast<std::uint8_t>((x / 12 + y / 7) % 200 + (state >> 30U));
    }
  }
  return out;
}

Result<std::string> put(const blobs::Store& store, const Bytes& bytes) {
  const std::string name = to_hex(sha256(bytes));
  auto upload = store.begin(name, bytes.size());
  if (!upload) return std::unexpected(upload.error());
  if (auto ok = upload->write(bytes); !ok) return std::unexpected(ok.error());
  if (auto ok = upload->commit(); !ok) return std::unexpected(ok.error());
  return name;
}

/// Where the threads' time goes.
struct Stages {
  std::atomic<std::uint64_t> decode_ns = 0;
  std::atomic<std::uint64_t> compare_ns = 0;
  std::atomic<std::uint64_t> units = 0;
};

class Pipeline {
 public:
  Pipeline(Artifacts& artifacts, Metrics& metrics) : artifacts_(artifacts), metrics_(metrics) {}

  /// One unit of two replicas, as the trust engine treats it.
  Result<> judge(const std::string& a, const std::string& b) {
    const ImageLimits limits{image::Format::kPng, kWidth, kHeight};
    const auto begin = Clock::now();
    const auto left = artifacts_.get(a, limits);
    const auto right = a == b ? left : artifacts_.get(b, limits);
    if (!left) return std::unexpected(left.error());
    if (!right) return std::unexpected(right.error());
    const auto decoded = Clock::now();
    const auto comparison =
        a == b ? Result<Comparison>(same_blob()) : compare(metrics_, *left, *right, {});
    if (!comparison) return std::unexpected(comparison.error());
    const auto compared = Clock::now();
    const std::vector<Opinion> opinions{{"1", "x", true, a, ""}, {"2", "y", true, b, ""}};
    std::vector<Agreement> agreements;
    if (comparison->agree) agreements.push_back({0, 1, comparison->distance()});
    if (decide(opinions, agreements, {}).ruling == Ruling::kPending)
      return fail(Errc::kInternal, "two replicas leave the unit pending");
    stages.decode_ns += static_cast<std::uint64_t>((decoded - begin).count());
    stages.compare_ns += static_cast<std::uint64_t>((compared - decoded).count());
    ++stages.units;
    return {};
  }

  Stages stages;

 private:
  Artifacts& artifacts_;
  Metrics& metrics_;
};

struct Rate {
  double images_per_s = 0;
  double decode_ms = 0;   ///< of a unit, on its thread
  double compare_ms = 0;  ///< of a unit, waiting included
};

Result<Rate> measure_rate(Pipeline& pipeline,
                          const std::vector<std::string>& names,
                          const BenchOptions& options,
                          bool equal) {
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(options.seconds);
  std::atomic<std::size_t> next = 0;
  std::vector<Result<>> outcomes(options.threads);
  {
    std::vector<std::jthread> threads;
    for (Result<>& outcome : outcomes) {
      threads.emplace_back([&] {
        while (outcome && Clock::now() < end) {
          const std::size_t unit = next++ % kUnits;
          outcome = pipeline.judge(names[2 * unit], names[2 * unit + (equal ? 0 : 1)]);
        }
      });
    }
  }
  for (const Result<>& outcome : outcomes) {
    if (!outcome) return std::unexpected(outcome.error());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto units = static_cast<double>(pipeline.stages.units);
  return Rate{2 * units / seconds, static_cast<double>(pipeline.stages.decode_ns) / units / 1e6,
              static_cast<double>(pipeline.stages.compare_ns) / units / 1e6};
}

Result<> run(const blobs::Store& store, const BenchOptions& options, Backends& backends) {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < 2 * kUnits; ++i) {
    const auto name = put(store, png_file(rendering(i)));
    if (!name) return std::unexpected(name.error());
    names.push_back(*name);
  }
  // Without a cache of pictures: every unit of a farm is new.
  Artifacts artifacts(store, 64U << 20U, 0, kDecodingBytes, backends.memory.get());
  Pipeline different(artifacts, *backends.metrics);
  const auto decoded = measure_rate(different, names, options, false);
  if (!decoded) return std::unexpected(decoded.error());
  Pipeline same(artifacts, *backends.metrics);
  const auto equal = measure_rate(same, names, options, true);
  if (!equal) return std::unexpected(equal.error());
  fmt::print(
      "{{\"backend\": \"{}\", \"threads\": {}, \"images_per_s_decoded\": {:.1f}, "
      "\"decode_ms_a_unit\": {:.3f}, "
      "\"compare_ms_a_unit\": {:.3f}, \"images_per_s_equal\": {:.1f}}}\n",
      backends.metrics->name(), options.threads, decoded->images_per_s, decoded->decode_ms,
      decoded->compare_ms, equal->images_per_s);
  return {};
}

}  // namespace

Result<> run_bench(const BenchOptions& options, const BackendOptions& backend_options) {
  BackendOptions wanted = backend_options;
  wanted.lpips = "off";
  auto backends = open_backends(wanted);
  if (!backends) return std::unexpected(backends.error());
  BenchOptions filled = options;
  if (filled.threads == 0) filled.threads = std::max(1U, std::thread::hardware_concurrency());
  const fs::path folder =
      fs::temp_directory_path() / fmt::format("worldshare-bench-{}", ::getpid());
  auto store = blobs::Store::open(folder);
  if (!store) return std::unexpected(store.error());
  const auto outcome = run(*store, filled, *backends);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return outcome;
}

}  // namespace worldshare::verifier
