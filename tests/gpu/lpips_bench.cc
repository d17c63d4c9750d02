#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <type_traits>

#include "verifier/cuda/lpips/cuda_lpips.h"
#include "verifier/cuda/lpips/device_lpips.h"

// lpips_bench MODELS                        times of resident pictures
// lpips_bench MODELS NET PICTURES           distances of a file of pictures, for lpips_torch.py

namespace {

using namespace worldshare::verifier;

constexpr int kRepeats = 21;
constexpr std::size_t kWorkspace = std::size_t{4} << 30;

template <class T>
T must(worldshare::Result<T> result) {
  if constexpr (std::is_void_v<T>) {
    if (result) return;
  } else {
    if (result) return std::move(*result);
  }
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

/// Median milliseconds of what `work` puts on the stream.
double milliseconds(cudaStream_t stream, const std::function<void()>& work) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int i = 0; i < kRepeats + 3; ++i) {
    cudaEventRecord(begin, stream);
    work();
    cudaEventRecord(end, stream);
    cudaEventSynchronize(end);
    float time = 0;
    cudaEventElapsedTime(&time, begin, end);
    if (i >= 3) times.push_back(time);
  }
  std::ranges::sort(times);
  return double{times[times.size() / 2]};
}

struct Resident {
  std::vector<cuda::DeviceMemory> memory;
  std::vector<const std::uint8_t*> pointers;

  Resident(const Shape& shape, std::size_t count) {
    std::mt19937 random(7);
    std::vector<std::uint8_t> bytes(shape.size_bytes());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const auto soft = static_cast<unsigned>(at / 97 + at / shape.stride());
      bytes[at] = static_cast<std::uint8_t>(soft % 200 + random() % 56);
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::ranges::rotate(bytes, bytes.begin() + 12345);
      memory.push_back(must(cuda::upload(bytes)));
      pointers.push_back(static_cast<const std::uint8_t*>(memory.back().get()));
    }
  }
};

struct Case {
  std::uint32_t width = 1920;
  std::uint32_t height = 1080;
  std::size_t replicas = 2;
  std::size_t units = 8;
};

/// Median milliseconds of one picture.
double time_case(const Network& network, const Case& c) {
  auto lpips = must(cuda::DeviceLpips::create(network, kWorkspace));
  const auto stream = must(cuda::make_stream());
  const auto out = must(cuda::allocate(1 << 16));
  const Shape shape{c.width, c.height, 3, Depth::kU8};
  const Resident pictures(shape, c.replicas * c.units);
  const cuda::LpipsBatch batch{shape, c.replicas, c.units, pictures.pointers};
  const double time = milliseconds(stream.get(), [&] {
    must(lpips.measure(batch, static_cast<double*>(out.get()), stream.get()));
  });
  must(cuda::check(cudaDeviceSynchronize(), "the measurement"));
  return time / static_cast<double>(c.replicas * c.units);
}

void time_batches(const Network& network) {
  for (const Case& c : {Case{1920, 1080, 2, 1},
                        {1920, 1080, 2, 4},
                        {1920, 1080, 2, 16},
                        {1920, 1080, 3, 1},
                        {1920, 1080, 3, 10},
                        {1920, 1080, 5, 6},
                        {3840, 2160, 2, 1},
                        {3840, 2160, 5, 1}}) {
    fmt::print("{} {}x{} K={} units={}: {:.4f} ms a picture\n", to_string(network.net), c.width,
               c.height, c.replicas, c.units, time_case(network, c));
  }
}

/// What each stage adds to a network that ends with it, with its tap and without any.
void time_stages(const Network& network) {
  Network cut = network;
  Network bare = network;
  for (Stage& stage : bare.stages) stage.tap = false;
  double before = 0;
  double bare_before = 0;
  for (std::size_t n = 1; n <= network.stages.size(); ++n) {
    cut.stages.assign(network.stages.begin(), network.stages.begin() + static_cast<long>(n));
    const std::vector<Stage> all = bare.stages;
    bare.stages.resize(n);
    const double time = time_case(cut, {});
    const double bare_time = time_case(bare, {});
    bare.stages = all;
    fmt::print("{} stage {}: {:.4f} ms, its tap {:.4f}\n", to_string(network.net), n - 1,
               bare_time - bare_before, time - before - (bare_time - bare_before));
    before = time;
    bare_before = bare_time;
  }
}

/// width, height, channels, depth, count as 32-bit integers, then each picture's rows without
/// padding.
std::vector<Picture> read_pictures(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::uint32_t header[5] = {};
  file.read(reinterpret_cast<char*>(header), sizeof header);
  const Shape shape{header[0], header[1], static_cast<std::uint8_t>(header[2]),
                    static_cast<Depth>(header[3])};
  std::vector<Picture> out;
  for (std::uint32_t i = 0; i < header[4]; ++i) {
    out.emplace_back(shape);
    for (std::uint32_t y = 0; y < shape.height; ++y) {
      file.read(out.back().row<char>(y), static_cast<std::streamsize>(shape.row_bytes()));
    }
  }
  return out;
}

void print_distances(Lpips& lpips, const std::vector<Picture>& pictures) {
  fmt::print("{}:", lpips.name());
  for (const double d : must(lpips.distances(pictures))) fmt::print(" {:.12f}", d);
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) return 2;
  const std::filesystem::path models = argv[1];
  if (argc == 4) {
    const Net net = must(parse_net(argv[2]));
    const auto pictures = read_pictures(argv[3]);
    print_distances(*must(make_cuda_lpips(models, net, {0, kWorkspace})), pictures);
    print_distances(*must(make_cpu_lpips(models, net)), pictures);
    return 0;
  }
  for (const Net net : {Net::kAlex, Net::kSqueeze}) {
    const Network network = must(load_network(models, net));
    time_batches(network);
    time_stages(network);
  }
  return 0;
}
