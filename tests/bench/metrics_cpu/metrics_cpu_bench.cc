#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/quality.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/decode.h"
#include "verifier/metrics/metrics.h"

// metrics_cpu_bench ROUNDS A.png B.png: prints {"about": text, key: [value, unit, baseline], ..}
// for tests/bench/metrics_cpu/run. All comparisons are done in turns, so that a busy moment hits
// them alike; figures are medians.

namespace {

using worldshare::verifier::Metrics;
using worldshare::verifier::Picture;

constexpr int kThreads = 2;
constexpr int kPairsPerThread = 4;

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "metrics_cpu_bench: {}\n", message);
  std::exit(1);
}

template <class T>
T must(worldshare::Result<T> result) {
  if (!result) die(result.error().message);
  return std::move(*result);
}

/// As decode() wants it: what Blender writes has its time and place in it.
worldshare::Bytes canonical_file(const std::string& path) {
  const std::string text = must(worldshare::read_file(path, 64U << 20));
  return must(worldshare::image::canonical(worldshare::as_bytes(text)));
}

Picture decoded(const worldshare::Bytes& bytes) {
  const auto header = must(worldshare::image::read_header(bytes));
  return must(worldshare::verifier::decode(bytes, {header.format, header.width, header.height}));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double wall_ms(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

double thread_ms(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double begin = now();
  work();
  return now() - begin;
}

/// Wall time of a pair when kThreads work on them.
double pair_ms(const std::function<void()>& pair) {
  const double all = wall_ms([&] {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kPairsPerThread; ++i) pair();
      });
    }
  });
  return all / (kThreads * kPairsPerThread);
}

void compare_with_opencv(const cv::Mat& a, const cv::Mat& b) {
  const cv::Scalar ssim = cv::quality::QualitySSIM::compute(a, b, cv::noArray());
  const cv::Scalar psnr = cv::quality::QualityPSNR::compute(a, b, cv::noArray());
  if (ssim[0] == psnr[0]) die("OpenCV measured nothing");
}

/// A replica of the same seed: some samples are one step off.
Picture nearly(const Picture& picture, unsigned seed) {
  Picture out(picture.shape());
  std::copy_n(picture.data(), picture.shape().size_bytes(), out.data());
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < picture.shape().size_bytes(); ++i) {
    if (random() % 64 == 0) out.data()[i] ^= std::byte{1};
  }
  return out;
}

struct Bench {
  std::string file_a;
  std::string file_b;
  worldshare::Bytes bytes_a = canonical_file(file_a);
  worldshare::Bytes bytes_b = canonical_file(file_b);
  Picture a = decoded(bytes_a);
  Picture b = decoded(bytes_b);
  cv::Mat mat_a = cv::imread(file_a, cv::IMREAD_UNCHANGED);
  cv::Mat mat_b = cv::imread(file_b, cv::IMREAD_UNCHANGED);
  std::unique_ptr<Metrics> metrics = worldshare::verifier::make_cpu_metrics({});

  void measure(const std::vector<Picture>& replicas) {
    if (!metrics->measure(replicas)) die("the metrics refuse the pictures");
  }

  std::vector<std::function<double()>> works() {
    const Picture near = nearly(a, 1);
    const std::vector<Picture> three{a, b, nearly(b, 2)};
    const std::vector<Picture> five{a, b, nearly(a, 3), nearly(b, 4), near};
    return {
        [this] { return pair_ms([this] { measure({decoded(bytes_a), decoded(bytes_b)}); }); },
        [this] {
          return pair_ms([this] {
            compare_with_opencv(cv::imread(file_a, cv::IMREAD_UNCHANGED),
                                cv::imread(file_b, cv::IMREAD_UNCHANGED));
          });
        },
        [this] { return thread_ms([this] { measure({a, b}); }); },
        [this] { return thread_ms([this] { compare_with_opencv(mat_a, mat_b); }); },
        [this, near] { return thread_ms([&] { measure({a, near}); }); },
        [this, three] { return thread_ms([&] { measure(three); }); },
        [this, five] { return thread_ms([&] { measure(five); }); },
    };
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) die("usage: metrics_cpu_bench ROUNDS A.png B.png");
  cv::setNumThreads(1);  // a pair for each thread: more than OpenCV makes of two threads by itself
  Bench bench{argv[2], argv[3]};
  const auto works = bench.works();
  std::vector<std::vector<double>> times(works.size());
  const int rounds = std::max(1, std::atoi(argv[1]));
  for (int round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const double ms = works[i]();
      if (round > 0) times[i].push_back(ms);  // the first one warms up
    }
  }
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i)
    ratios.push_back(times[1][static_cast<std::size_t>(i)] / times[0][static_cast<std::size_t>(i)]);
  const auto row = [](const char* key, double value, double baseline) {
    return fmt::format(", \"{}\": [{}, \"ms\", {}]", key, value, baseline);
  };
  const double measured = median(times[2]);
  std::string out = fmt::format("{{\"about\": \"{}, {} threads\"", bench.metrics->name(), kThreads);
  out += fmt::format(", \"cpu_ratio_to_opencv\": [{}, \"x\", null]", median(ratios));
  out += row("decode_and_compare_pair_ms", median(times[0]), median(times[1]));
  out += row("compare_differing_pair_ms", measured, median(times[3]));
  out += row("compare_near_equal_pair_ms", median(times[4]), median(times[3]));
  out += row("compare_three_replicas_ms", median(times[5]), measured);
  out += row("compare_five_replicas_ms", median(times[6]), measured);
  fmt::print("{}}}\n", out);
}
