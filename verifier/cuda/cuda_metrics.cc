#include "verifier/cuda/cuda_metrics.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "verifier/cuda/batch_lane.h"

namespace worldshare::verifier {
namespace {

using cuda::BatchLane;
using cuda::UnitWork;

constexpr std::size_t kLanes = 3;
constexpr std::uint32_t kWindow = 11;
constexpr int kCapability = 8;

/// A call that waits for a lane.
struct Request {
  UnitWork work;
  bool done = false;  // guarded by the queue's mutex, as are the others
  bool failed = false;
  std::condition_variable changed;
};

class CudaMetrics final : public Metrics {
 public:
  CudaMetrics(const MetricsOptions& options, std::vector<BatchLane> lanes, std::string name)
      : options_(options),
        cpu_(make_cpu_metrics(options)),
        name_(std::move(name)),
        lanes_(std::move(lanes)) {
    for (BatchLane& lane : lanes_) {
      threads_.emplace_back([this, &lane](std::stop_token stop) { serve(lane, stop); });
    }
  }
  ~CudaMetrics() override {
    for (auto& thread : threads_) thread.request_stop();
    arrived_.notify_all();
  }

  Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) override {
    if (!takes(replicas)) return cpu_->measure(replicas);
    Request request;
    request.work.replicas = replicas;
    std::unique_lock lock(mutex_);
    queue_.push_back(&request);
    arrived_.notify_one();
    request.changed.wait(lock, [&] { return request.done; });
    lock.unlock();
    return request.failed ? cpu_->measure(replicas) : std::move(request.work.figures);
  }
  std::string_view name() const override { return name_; }

 private:
  /// What is wrong with the pictures is for the CPU to say.
  bool takes(std::span<const Picture> replicas) const {
    if (broken_ || replicas.size() < 2 || replicas.size() > kMaxReplicas) return false;
    const Shape& shape = replicas[0].shape();
    if (shape.channels < 3 || shape.width < kWindow || shape.height < kWindow) return false;
    if (options_.ssim_reflect || options_.coding != Coding::kLog) return false;
    for (const Picture& picture : replicas) {
      if (picture.empty() || !(picture.shape() == shape)) return false;
    }
    return lanes_[0].fits(shape, replicas.size(), pair_count(replicas.size()));
  }

  void serve(BatchLane& lane, std::stop_token stop) {
    for (;;) {
      const auto batch = next_batch(lane, stop);
      if (batch.empty()) return;
      std::vector<UnitWork*> units;
      for (Request* request : batch) units.push_back(&request->work);
      const auto outcome = broken_ ? Result<>(fail(Errc::kUnavailable, "")) : lane.run(units);
      if (!outcome && !broken_.exchange(true)) {
        spdlog::error("the GPU fails; the CPU measures from now on error=\"{}\"",
                      outcome.error().message);
      }
      const std::lock_guard lock(mutex_);
      for (Request* request : batch) {
        request->failed = !outcome;
        request->done = true;
        request->changed.notify_one();
      }
    }
  }

  /// The oldest request and all of its shape that fit with it; empty when the end has come.
  std::vector<Request*> next_batch(const BatchLane& lane, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return stop.stop_requested() || !queue_.empty(); });
    std::vector<Request*> batch;
    std::size_t pictures = 0;
    std::size_t pairs = 0;
    for (auto next = queue_.begin(); next != queue_.end();) {
      const auto& replicas = (*next)->work.replicas;
      const Shape& shape = replicas[0].shape();
      const std::size_t more = pair_count(replicas.size());
      const bool same = batch.empty() || shape == batch[0]->work.replicas[0].shape();
      if (!same || !lane.fits(shape, pictures + replicas.size(), pairs + more)) {
        ++next;
        continue;
      }
      pictures += replicas.size();
      pairs += more;
      batch.push_back(*next);
      next = queue_.erase(next);
    }
    return batch;
  }

  const MetricsOptions options_;
  const std::unique_ptr<Metrics> cpu_;
  const std::string name_;
  std::vector<BatchLane> lanes_;
  std::atomic<bool> broken_ = false;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request*> queue_;  ///< guarded by mutex_
  std::vector<std::jthread> threads_;
};

Result<std::string> device_name(int device) {
  cudaDeviceProp properties{};
  const auto found = cuda::check(cudaGetDeviceProperties(&properties, device), "no GPU");
  if (!found) return std::unexpected(found.error());
  if (properties.major < kCapability) {
    return fail(Errc::kUnavailable, fmt::format("{} is too old: it needs compute capability {}.0",
                                                properties.name, kCapability));
  }
  return fmt::format("cuda {}", properties.name);
}

}  // namespace

Result<std::unique_ptr<Metrics>> make_cuda_metrics(const MetricsOptions& options,
                                                   const CudaMetricsOptions& cuda) {
  auto name = device_name(cuda.device);
  if (!name) return std::unexpected(name.error());
  if (auto ok = cuda::check(cudaSetDevice(cuda.device), "the GPU"); !ok)
    return std::unexpected(ok.error());
  std::vector<BatchLane> lanes;
  for (std::size_t i = 0; i < kLanes; ++i) {
    auto lane = BatchLane::open(cuda.device_bytes / kLanes, cuda.batch_pairs);
    if (!lane) return std::unexpected(lane.error());
    lanes.push_back(std::move(*lane));
  }
  return std::make_unique<CudaMetrics>(options, std::move(lanes), std::move(*name));
}

}  // namespace worldshare::verifier
