// Times the kernels of verifier/cuda on pictures that are in device memory: units of K replicas of
// 1080p RGB, 32 units a launch, launches in turns on two streams as the verifier does it. How far
// SSIM is from doubles is measured on random replicas as metrics_gpu_test does. One JSON object.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "tests/support/random_replicas.h"
#include "tests/support/reference_metrics.h"
#include "verifier/cuda/compare.h"
#include "verifier/cuda/cuda_metrics.h"

namespace {

namespace cuda = worldshare::verifier::cuda;
namespace testing = worldshare::testing;
using worldshare::verifier::Metrics;
using worldshare::verifier::Shape;

constexpr std::uint32_t kWidth = 1920;
constexpr std::uint32_t kHeight = 1080;
constexpr std::size_t kUnits = 32;
constexpr std::size_t kStreams = 2;
constexpr int kLaunches = 8;  // of each stream in one timing
constexpr int kRounds = 15;

void require(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(3);
}

void* device_memory(std::size_t bytes) {
  void* memory = nullptr;
  require(cudaMalloc(&memory, bytes));
  return memory;
}

/// A smooth picture with noise, from 0 to 1.
float sample(std::uint32_t x, std::uint32_t y, std::uint32_t& state) {
  state = state * 1664525U + 1013904223U;
  const float noise = static_cast<float>(state >> 16U) / 65536.0F - 0.5F;
  return 0.3F + 0.4F * static_cast<float>((x / 3 + y) % 97) / 97.0F + 0.1F * noise;
}

std::size_t bytes_of(cuda::Sample kind) {
  return std::size_t{3} * kWidth * kHeight * (kind == cuda::Sample::kF32 ? sizeof(float) : 1);
}

/// One of a few pictures, made once.
const void* original(cuda::Sample kind, std::size_t which) {
  static std::map<std::pair<cuda::Sample, std::size_t>, void*> made;
  void*& memory = made[{kind, which}];
  if (memory != nullptr) return memory;
  const std::size_t size = std::size_t{3} * kWidth * kHeight;
  auto state = static_cast<std::uint32_t>(which * 2654435761U + 1);
  std::vector<float> floats(size);
  for (std::size_t i = 0; i < size; ++i) {
    floats[i] = sample(static_cast<std::uint32_t>(i % (3 * kWidth)),
                       static_cast<std::uint32_t>(i / (3 * kWidth)), state);
  }
  std::vector<std::uint8_t> bytes(size);
  std::ranges::transform(floats, bytes.begin(),
                         [](float v) { return static_cast<std::uint8_t>(255 * v); });
  memory = device_memory(bytes_of(kind));
  const void* from =
      kind == cuda::Sample::kF32 ? static_cast<const void*>(floats.data()) : bytes.data();
  require(cudaMemcpy(memory, from, bytes_of(kind), cudaMemcpyHostToDevice));
  return memory;
}

/// In memory of its own, so that nothing comes from a cache.
const std::uint8_t* picture(cuda::Sample kind, std::size_t which, std::vector<void*>& memory) {
  memory.push_back(device_memory(bytes_of(kind)));
  require(
      cudaMemcpy(memory.back(), original(kind, which), bytes_of(kind), cudaMemcpyDeviceToDevice));
  return static_cast<const std::uint8_t*>(memory.back());
}

/// What one stream works with.
struct Lane {
  cudaStream_t stream = nullptr;
  cuda::CompareBatch batch;
  void* workspace = nullptr;
  cuda::PairSums* sums = nullptr;
  float* blocks = nullptr;

  void launch() const { require(cuda::compare(batch, workspace, sums, blocks, stream)); }
};

Lane open_lane(cuda::Sample kind, bool linear, const std::vector<const std::uint8_t*>& pairs) {
  Lane lane;
  require(cudaStreamCreateWithFlags(&lane.stream, cudaStreamNonBlocking));
  lane.batch.width = kWidth;
  lane.batch.height = kHeight;
  lane.batch.stride_bytes = static_cast<std::uint32_t>(bytes_of(kind) / kHeight);
  lane.batch.sample = kind;
  lane.batch.linear = linear;
  lane.batch.pairs = static_cast<std::uint32_t>(pairs.size() / 2);
  void* pointers = device_memory(pairs.size() * sizeof(void*));
  require(cudaMemcpy(pointers, pairs.data(), pairs.size() * sizeof(void*), cudaMemcpyHostToDevice));
  lane.batch.pictures = static_cast<const std::uint8_t* const*>(pointers);
  const auto sizes = cuda::compare_sizes(lane.batch);
  lane.workspace = device_memory(sizes.workspace);
  lane.sums = static_cast<cuda::PairSums*>(device_memory(sizes.sums));
  lane.blocks = static_cast<float*>(device_memory(sizes.blocks));
  return lane;
}

/// Microseconds for a unit of `replicas` pictures, all pairs.
double unit_us(cuda::Sample kind, std::size_t replicas, bool linear = true) {
  std::vector<void*> pictures;
  std::vector<Lane> lanes;
  for (std::size_t l = 0; l < kStreams; ++l) {
    std::vector<const std::uint8_t*> pairs;
    for (std::size_t u = 0; u < kUnits; ++u) {
      std::vector<const std::uint8_t*> unit;
      for (std::size_t k = 0; k < replicas; ++k) unit.push_back(picture(kind, k, pictures));
      for (std::size_t a = 0; a < replicas; ++a) {
        for (std::size_t b = a + 1; b < replicas; ++b)
          pairs.insert(pairs.end(), {unit[a], unit[b]});
      }
    }
    lanes.push_back(open_lane(kind, linear, pairs));
  }
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEvent_t other = nullptr;
  require(cudaEventCreate(&begin));
  require(cudaEventCreate(&end));
  require(cudaEventCreate(&other));
  std::vector<double> times;
  for (int round = 0; round <= kRounds; ++round) {
    require(cudaDeviceSynchronize());
    require(cudaEventRecord(begin, lanes[0].stream));
    require(cudaStreamWaitEvent(lanes[1].stream, begin));
    for (int i = 0; i < kLaunches; ++i) {
      for (const Lane& lane : lanes) lane.launch();
    }
    require(cudaEventRecord(other, lanes[1].stream));
    require(cudaStreamWaitEvent(lanes[0].stream, other));
    require(cudaEventRecord(end, lanes[0].stream));
    require(cudaEventSynchronize(end));
    float ms = 0;
    require(cudaEventElapsedTime(&ms, begin, end));
    if (round > 0) times.push_back(1000.0 * ms / (kLaunches * kStreams * kUnits));
  }
  for (const Lane& lane : lanes) {
    require(cudaFree(lane.workspace));
    require(cudaFree(lane.sums));
    require(cudaFree(lane.blocks));
  }
  for (void* memory : pictures) require(cudaFree(memory));
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// The largest difference of a pair's SSIM from the double reference.
double worst_of(Metrics& metrics, testing::Kind kind, std::mt19937& random) {
  Shape shape = testing::random_shape(random);
  shape.width += 10;
  shape.height += 10;
  shape.channels = static_cast<std::uint8_t>(3 + random() % 2);
  const auto pictures = testing::random_replicas(shape, kind, 2, random);
  const auto measured = metrics.measure(pictures);
  if (!measured) require(cudaErrorUnknown);
  const auto expected = testing::reference_metrics(pictures[0], pictures[1], {});
  return std::abs(measured->front().ssim - expected.ssim);
}

double ssim_error() {
  constexpr std::array kKinds{testing::Kind::kFar,    testing::Kind::kNoise,
                              testing::Kind::kNear,   testing::Kind::kGradient,
                              testing::Kind::kBright, testing::Kind::kEqual};
  const auto metrics = worldshare::verifier::make_cuda_metrics({}, {});
  if (!metrics) require(cudaErrorNoDevice);
  std::mt19937 random(11);
  double worst = 0;
  for (int i = 0; i < 240; ++i) {
    worst = std::max(worst, worst_of(**metrics, kKinds[i % kKinds.size()], random));
  }
  return worst;
}

}  // namespace

int main() {
  const double pair = unit_us(cuda::Sample::kU8, 2);
  const double floats = unit_us(cuda::Sample::kF32, 2);
  const double log_floats = unit_us(cuda::Sample::kF32, 2, false);
  const double three = unit_us(cuda::Sample::kU8, 3);
  const double five = unit_us(cuda::Sample::kU8, 5);
  std::printf(
      "{\"ssim_psnr_1080p_u8_us\": %.2f, \"ssim_psnr_1080p_f32_us\": %.2f, "
      "\"ssim_psnr_1080p_f32_log_us\": %.2f, \"k3_over_pair\": %.3f, \"k5_over_pair\": %.3f, "
      "\"ssim_max_abs_error\": %.3g}\n",
      pair, floats, log_floats, three / pair, five / pair, ssim_error());
}
