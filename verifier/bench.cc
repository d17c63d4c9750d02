#include "verifier/bench.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "verifier/bench_pictures.h"
#include "verifier/consensus/agreement.h"
#include "verifier/consensus/consensus.h"
#include "verifier/image/png_file.h"
#include "verifier/trust/evidence.h"

namespace worldshare::verifier {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kSpareUnits = 8;
constexpr std::uint64_t kDecodingBytes = 32ULL << 30;

/// Where the threads' time goes.
struct Stages {
  std::atomic<std::uint64_t> examine_ns = 0;
  std::atomic<std::uint64_t> compare_ns = 0;
  std::atomic<std::uint64_t> units = 0;
};

/// Adds the time until it goes.
class Stopwatch {
 public:
  explicit Stopwatch(std::atomic<std::uint64_t>& sum) : sum_(sum) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    const auto time = std::chrono::nanoseconds(SteadyClock::now() - begin_);
    sum_ += static_cast<std::uint64_t>(time.count());
  }

 private:
  std::atomic<std::uint64_t>& sum_;
  const SteadyClock::time_point begin_ = SteadyClock::now();
};

std::unexpected<Error> unexpected_outcome(const std::string& what) {
  return fail(Errc::kInternal, "the benchmark's own picture: " + what);
}

/// A unit of two replicas as the trust engine treats it, without broker and database.
class Pipeline {
 public:
  explicit Pipeline(Evidence& evidence) : evidence_(evidence) {}

  Result<> judge(const std::string& a, const std::string& b) {
    for (const auto& artifact : {a, b}) {
      if (auto ok = examine(artifact); !ok) return ok;
    }
    const auto comparison = compare(a, b);
    if (!comparison) return std::unexpected(comparison.error());
    const std::vector<Opinion> opinions{{"1", "x", true, a, ""}, {"2", "y", true, b, ""}};
    std::vector<Agreement> agreements;
    if (comparison->agree) agreements.push_back({0, 1, comparison->distance()});
    const Decision decision = decide(opinions, agreements, {});
    ++stages.units;
    if (decision.ruling == Ruling::kPending) return unexpected_outcome("leaves its unit pending");
    return {};
  }

  Stages stages;

 private:
  static ImageLimits limits() { return {image::Format::kPng, kBenchWidth, kBenchHeight}; }

  Result<> examine(const std::string& artifact) {
    const Stopwatch watch(stages.examine_ns);
    const auto fault = evidence_.examine(artifact, limits());
    if (!fault) return std::unexpected(fault.error());
    return *fault ? unexpected_outcome(**fault) : Result<>{};
  }
  Result<Comparison> compare(const std::string& a, const std::string& b) {
    const Stopwatch watch(stages.compare_ns);
    const auto exhibit = evidence_.compare(a, b, limits());
    if (!exhibit) return std::unexpected(exhibit.error());
    return exhibit->comparison;
  }

  Evidence& evidence_;
};

struct Rate {
  double images_per_s = 0;
  double examine_ms = 0;  ///< of a unit, on its thread
  double compare_ms = 0;  ///< of a unit: decoding, and waiting for a device
};

Rate rate_of(const Stages& stages, double seconds) {
  const auto units = static_cast<double>(stages.units);
  const auto ms = [&](const std::atomic<std::uint64_t>& ns) {
    return static_cast<double>(ns) / units / 1e6;
  };
  return {2 * units / seconds, ms(stages.examine_ns), ms(stages.compare_ns)};
}

Result<Rate> measure_rate(Pipeline& pipeline,
                          const std::vector<std::string>& names,
                          const BenchOptions& options,
                          bool equal) {
  const auto begin = SteadyClock::now();
  const auto end = begin + std::chrono::duration<double>(options.seconds);
  std::atomic<std::size_t> next = 0;
  std::vector<Result<>> outcomes(options.threads);
  {
    std::vector<std::jthread> threads;
    for (Result<>& outcome : outcomes) {
      threads.emplace_back([&] {
        while (outcome && SteadyClock::now() < end) {
          const std::size_t unit = next++ % (names.size() / 2);
          outcome = pipeline.judge(names[2 * unit], names[2 * unit + (equal ? 0 : 1)]);
        }
      });
    }
  }
  for (const Result<>& outcome : outcomes) {
    if (!outcome) return std::unexpected(outcome.error());
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  return rate_of(pipeline.stages, seconds);
}

/// Different files, two for each unit.
Result<std::vector<std::string>> make_files(const blobs::Store& store, std::size_t count) {
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto name = put_blob(store, png_file(bench_picture(i)));
    if (!name) return std::unexpected(name.error());
    out.push_back(std::move(*name));
  }
  return out;
}

void print(const Metrics& metrics,
           const BenchOptions& options,
           const Rate& different,
           const Rate& equal) {
  fmt::print(
      "{{\"backend\": \"{}\", \"threads\": {}, \"images_per_s_decoded\": {:.1f}, "
      "\"examine_ms_a_unit\": {:.3f}, \"compare_ms_a_unit\": {:.3f}, "
      "\"images_per_s_equal\": {:.1f}, \"equal_examine_ms_a_unit\": {:.3f}}}\n",
      metrics.name(), options.threads, different.images_per_s, different.examine_ms,
      different.compare_ms, equal.images_per_s, equal.examine_ms);
}

Result<> run(const blobs::Store& store, const BenchOptions& options, Backends& backends) {
  // Every unit of a farm is new: no picture is kept, and an artifact is forgotten before its turn
  // comes again, though a thread be slow.
  const std::size_t known = 2 * options.threads;
  const auto names = make_files(store, 2 * (2 * known + kSpareUnits));
  if (!names) return std::unexpected(names.error());
  Artifacts artifacts(store, {.cache_bytes = 0, .decoding_bytes = kDecodingBytes, .known = known},
                      backends.memory.get());
  Evidence evidence(artifacts, *backends.metrics, {});
  Pipeline different(evidence);
  const auto decoded = measure_rate(different, *names, options, false);
  if (!decoded) return std::unexpected(decoded.error());
  Pipeline same(evidence);
  const auto equal = measure_rate(same, *names, options, true);
  if (!equal) return std::unexpected(equal.error());
  print(*backends.metrics, options, *decoded, *equal);
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
  const auto store = BenchStore::open();
  if (!store) return std::unexpected(store.error());
  return run(store->store(), filled, *backends);
}

}  // namespace worldshare::verifier
