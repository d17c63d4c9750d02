#include "verifier/cuda/lpips/cuda_lpips.h"

#include <fmt/format.h>

#include <mutex>
#include <string>

#include "verifier/cuda/lpips/device_lpips.h"

namespace worldshare::verifier {
namespace {

class CudaLpips final : public Lpips {
 public:
  static Result<std::unique_ptr<Lpips>> create(const Network& network,
                                               const CudaLpipsOptions& options) {
    if (const auto set = cuda::check(cudaSetDevice(options.device), "the device"); !set) {
      return std::unexpected(set.error());
    }
    auto lpips = cuda::DeviceLpips::create(network, options.workspace_bytes);
    if (!lpips) return std::unexpected(lpips.error());
    auto stream = cuda::make_stream();
    if (!stream) return std::unexpected(stream.error());
    auto distances = cuda::allocate(sizeof(double) * kMaxPairs);
    if (!distances) return std::unexpected(distances.error());
    return std::unique_ptr<Lpips>(new CudaLpips(options.device, std::move(*lpips),
                                                std::move(*stream), std::move(*distances)));
  }

  Result<std::vector<double>> distances(std::span<const Picture> replicas) override {
    if (const auto checked = check_replicas(replicas, lpips_.network()); !checked) {
      return std::unexpected(checked.error());
    }
    const std::lock_guard lock(mutex_);
    // The device belongs to the thread, and any thread may call.
    if (const auto set = cuda::check(cudaSetDevice(device_), "the device"); !set) {
      return std::unexpected(set.error());
    }
    const auto pictures = copy(replicas);
    if (!pictures) return std::unexpected(pictures.error());
    const cuda::LpipsBatch batch{replicas[0].shape(), replicas.size(), 1, *pictures};
    auto* out = static_cast<double*>(distances_.get());
    if (const auto measured = lpips_.measure(batch, out, stream_.get()); !measured) {
      return std::unexpected(measured.error());
    }
    return read(replicas.size() * (replicas.size() - 1) / 2);
  }

  std::string_view name() const override { return name_; }

 private:
  static constexpr std::size_t kMaxPairs = kMaxLpipsReplicas * (kMaxLpipsReplicas - 1) / 2;

  CudaLpips(int device, cuda::DeviceLpips lpips, cuda::Stream stream, cuda::DeviceMemory distances)
      : device_(device),
        name_(fmt::format("cuda {}", to_string(lpips.network().net))),
        lpips_(std::move(lpips)),
        stream_(std::move(stream)),
        distances_(std::move(distances)) {}

  Result<std::vector<const std::uint8_t*>> copy(std::span<const Picture> replicas) {
    const std::size_t size = replicas[0].shape().size_bytes();
    if (size * replicas.size() > pictures_bytes_) {
      pictures_.reset();
      pictures_bytes_ = 0;
      auto memory = cuda::allocate(size * replicas.size());
      if (!memory) return std::unexpected(memory.error());
      pictures_ = std::move(*memory);
      pictures_bytes_ = size * replicas.size();
    }
    std::vector<const std::uint8_t*> out;
    for (const Picture& replica : replicas) {
      auto* to = static_cast<std::uint8_t*>(pictures_.get()) + out.size() * size;
      const auto copied = cuda::check(
          cudaMemcpyAsync(to, replica.data(), size, cudaMemcpyHostToDevice, stream_.get()),
          "a picture");
      if (!copied) return std::unexpected(copied.error());
      out.push_back(to);
    }
    return out;
  }

  Result<std::vector<double>> read(std::size_t pairs) {
    std::vector<double> out(pairs);
    const auto copied =
        cuda::check(cudaMemcpyAsync(out.data(), distances_.get(), pairs * sizeof(double),
                                    cudaMemcpyDeviceToHost, stream_.get()),
                    "the distances");
    if (!copied) return std::unexpected(copied.error());
    const auto done = cuda::check(cudaStreamSynchronize(stream_.get()), "LPIPS");
    if (!done) return std::unexpected(done.error());
    return out;
  }

  int device_;
  std::string name_;
  std::mutex mutex_;  ///< of all below
  cuda::DeviceLpips lpips_;
  cuda::Stream stream_;
  cuda::DeviceMemory distances_;
  cuda::DeviceMemory pictures_;
  std::size_t pictures_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Lpips>> make_cuda_lpips(const std::filesystem::path& models_directory,
                                               Net net,
                                               const CudaLpipsOptions& options) {
  const auto network = load_network(models_directory, net);
  if (!network) return std::unexpected(network.error());
  return CudaLpips::create(*network, options);
}

}  // namespace worldshare::verifier
