#include "verifier/cuda/lpips/device_lpips.h"

#include <fmt/format.h>

#include <algorithm>

#include "verifier/cuda/lpips/convolve.h"
#include "verifier/cuda/lpips/pool.h"
#include "verifier/cuda/lpips/tap.h"

namespace worldshare::verifier::cuda {
namespace {

constexpr std::size_t kAlignment = 1024;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t pair_count(std::size_t replicas) { return replicas * (replicas - 1) / 2; }

template <class T>
ByteView bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

Result<int> hopper_multiprocessors() {
  int device = 0;
  cudaDeviceProp about{};
  if (const auto found = check(cudaGetDevice(&device), "no device"); !found) {
    return std::unexpected(found.error());
  }
  if (const auto asked = check(cudaGetDeviceProperties(&about, device), "the device"); !asked) {
    return std::unexpected(asked.error());
  }
  if (about.major != 9 || about.minor != 0) {
    return fail(Errc::kUnavailable,
                fmt::format("LPIPS on CUDA needs compute capability 9.0; {} has {}.{}", about.name,
                            about.major, about.minor));
  }
  return about.multiProcessorCount;
}

}  // namespace

DeviceLpips::DeviceLpips(const Network& network, std::size_t workspace_bytes, TensorMaps maps)
    : network_(network), workspace_bytes_(workspace_bytes / kAlignment * kAlignment), maps_(maps) {}

Result<DeviceLpips> DeviceLpips::create(const Network& network, std::size_t workspace_bytes) {
  const auto multiprocessors = hopper_multiprocessors();
  if (!multiprocessors) return std::unexpected(multiprocessors.error());
  const auto maps = TensorMaps::load();
  if (!maps) return std::unexpected(maps.error());
  DeviceLpips out(network, workspace_bytes, *maps);
  out.multiprocessors_ = *multiprocessors;
  if (const auto uploaded = out.upload_weights(); !uploaded) {
    return std::unexpected(uploaded.error());
  }
  auto workspace = allocate(out.workspace_bytes_);
  if (!workspace) return std::unexpected(workspace.error());
  out.workspace_ = std::move(*workspace);
  return out;
}

Result<> DeviceLpips::upload_weights() {
  const auto add = [](PackedWeights packed, Weights& out) -> Result<> {
    auto halves = upload(bytes_of(std::span<const std::uint16_t>(packed.halves)));
    if (!halves) return std::unexpected(halves.error());
    auto bias = upload(bytes_of(std::span<const float>(packed.bias)));
    if (!bias) return std::unexpected(bias.error());
    packed.halves = {};
    packed.bias = {};
    out = {std::move(packed), std::move(*halves), std::move(*bias)};
    return {};
  };
  for (const Stage& stage : network_.stages) {
    auto& weights = weights_.emplace_back();
    for (const Convolution& c : stage.convolutions) {
      const bool first = &stage == &network_.stages.front();
      const auto added =
          add(first ? pack_first(c, patches(), false) : pack(c), weights.emplace_back());
      if (!added) return added;
    }
  }
  for (const auto& linear : network_.linear) {
    auto memory = upload(bytes_of(linear));
    if (!memory) return std::unexpected(memory.error());
    linear_.push_back(std::move(*memory));
  }
  if (!patches().mask) return {};
  return add(pack_first(network_.stages[0].convolutions[0], patches(), true), exact_first_);
}

const Patches& DeviceLpips::patches() const {
  return network_.net == Net::kAlex ? kAlexPatches : kSqueezePatches;
}

bool DeviceLpips::exact(const LpipsBatch& batch) const {
  return patches().mask && batch.shape.depth == Depth::kU8;
}

TrunkLayout DeviceLpips::layout(const LpipsBatch& batch, int rows) const {
  return {network_, patches(), static_cast<int>(batch.shape.width), rows};
}

std::size_t DeviceLpips::unit_bytes(const LpipsBatch& batch, int rows) const {
  const TrunkLayout sizes = layout(batch, rows);
  const std::size_t partials =
      tap_partials(sizes.tap_pixels(), static_cast<int>(batch.replicas), 1) * sizeof(double);
  return batch.replicas * (sizes.region_bytes(0) + sizes.region_bytes(1)) + aligned(partials);
}

Result<DeviceLpips::Plan> DeviceLpips::plan(const LpipsBatch& batch) const {
  const auto height = static_cast<int>(batch.shape.height);
  const std::size_t room = workspace_bytes_ - std::min(workspace_bytes_, 3 * kAlignment);
  int own_rows = (height + kTrunkStride - 1) / kTrunkStride * kTrunkStride;
  while (own_rows > 0) {
    Plan out{make_bands(height, own_rows), 0};
    int rows = 0;
    for (const Band& band : out.bands) rows = std::max(rows, band.rows);
    out.units = std::min(room / unit_bytes(batch, rows), kMaxPictures / batch.replicas);
    if (out.units > 0) return out;
    own_rows = own_rows / 2 / kTrunkStride * kTrunkStride;
  }
  return fail(
      Errc::kUnavailable,
      fmt::format("LPIPS of {} pictures, {} pixels wide, needs a larger workspace than {} MiB",
                  batch.replicas, batch.shape.width, workspace_bytes_ >> 20));
}

Result<> DeviceLpips::measure(const LpipsBatch& batch, double* distances, cudaStream_t stream) {
  const auto planned = plan(batch);
  if (!planned) return std::unexpected(planned.error());
  const std::size_t size = batch.units * pair_count(batch.replicas) * sizeof(double);
  if (const auto cleared = check(cudaMemsetAsync(distances, 0, size, stream), "clearing");
      !cleared) {
    return cleared;
  }
  for (std::size_t unit = 0; unit < batch.units; unit += planned->units) {
    for (const Band& band : planned->bands) {
      const std::size_t units = std::min(planned->units, batch.units - unit);
      double* out = distances + unit * pair_count(batch.replicas);
      if (const auto done = run({&batch, band, unit, units, out, stream}); !done) return done;
    }
  }
  return {};
}

DeviceLpips::Features DeviceLpips::features(const Pass& pass,
                                            const TrunkLayout& layout,
                                            std::size_t index) const {
  const auto pictures = static_cast<std::size_t>(pass.pictures());
  const std::size_t offset = index % 2 == 0 ? 0 : aligned(pictures * layout.region_bytes(0));
  auto* base = static_cast<std::byte*>(workspace_.get());
  return {index, layout.features()[index], reinterpret_cast<__half*>(base + offset)};
}

Result<> DeviceLpips::run(const Pass& pass) {
  const TrunkLayout sizes = layout(*pass.batch, pass.band.rows);
  if (const auto done = run_unfold(pass, features(pass, sizes, 0)); !done) return done;
  std::size_t index = 0;
  std::size_t tap = 0;
  for (std::size_t stage = 0; stage < network_.stages.size(); ++stage) {
    const auto next = run_stage(pass, sizes, stage, index);
    if (!next) return std::unexpected(next.error());
    index = *next;
    if (!network_.stages[stage].tap) continue;
    if (const auto done = run_tap(pass, tap++, features(pass, sizes, index)); !done) return done;
  }
  return {};
}

Result<> DeviceLpips::run_unfold(const Pass& pass, const Features& to) {
  const LpipsBatch& batch = *pass.batch;
  Unfold a;
  a.count = pass.pictures();
  a.stride = batch.shape.stride();
  for (int i = 0; i < a.count; ++i) {
    const auto index = pass.first_unit * batch.replicas + static_cast<std::size_t>(i);
    a.pictures[i] = batch.pictures[index] + static_cast<std::size_t>(pass.band.first) * a.stride;
  }
  a.depth = batch.shape.depth;
  a.channels = batch.shape.channels;
  a.width = static_cast<int>(batch.shape.width);
  a.height = pass.band.rows;
  a.out_width = to.size.width;
  a.out_height = to.size.height;
  a.exact = exact(batch);
  a.output = to.data;
  return check(unfold(a, patches(), pass.stream), "patches");
}

Result<std::size_t> DeviceLpips::run_stage(const Pass& pass,
                                           const TrunkLayout& layout,
                                           std::size_t stage,
                                           std::size_t from) {
  const Features input = features(pass, layout, from);
  const Features next = features(pass, layout, from + 1);
  const auto& weights = weights_[stage];
  Result<> done;
  switch (network_.stages[stage].kind) {
    case Stage::Kind::kPool: done = run_pool(pass, input, next); break;
    case Stage::Kind::kConvolution: {
      const bool special = stage == 0 && exact(*pass.batch);
      done = run_convolution(pass, special ? exact_first_ : weights[0], input, next, 0);
      break;
    }
    case Stage::Kind::kFire: {
      const Features last = features(pass, layout, from + 2);
      done = run_convolution(pass, weights[0], input, next, 0);
      if (done) done = run_convolution(pass, weights[1], next, last, 0);
      const int half = groups(network_.stages[stage].convolutions[1].out);
      if (done) done = run_convolution(pass, weights[2], next, last, half);
      if (done) return from + 2;
      break;
    }
  }
  if (!done) return std::unexpected(done.error());
  return from + 1;
}

Result<> DeviceLpips::run_convolution(const Pass& pass,
                                      const Weights& weights,
                                      const Features& from,
                                      const Features& to,
                                      int first_group) {
  const PackedWeights& shape = weights.shape;
  const bool exact = shape.rows != shape.channels;
  const int out_groups = groups(to.size.channels);
  Convolve a;
  a.pixels = pass.pictures() * to.size.width * to.size.height;
  a.tiling = choose_tiling(shape.channels, exact);
  const FeatureSpace space{from.data, shape.input_chunks, from.size.width, from.size.height,
                           pass.pictures()};
  const auto input = maps_.pixels(space, shape.kernel, shape.pad, a.tiling.pixels);
  if (!input) return std::unexpected(input.error());
  const auto rows =
      maps_.rows(weights.halves.get(), shape.chunks, shape.rows, a.tiling.weight_rows());
  if (!rows) return std::unexpected(rows.error());
  a.input = *input;
  a.weights = *rows;
  a.bias = static_cast<const float*>(weights.bias.get());
  a.scale = shape.scale;
  a.kernel = shape.kernel;
  a.pad = shape.pad;
  a.input_chunks = shape.input_chunks;
  a.width = to.size.width;
  a.height = to.size.height;
  a.tile_columns = shape.channels / a.tiling.channels;
  a.output = to.data + first_group * kChunk;
  a.output_groups = std::min(out_groups - first_group, shape.channels / kGroup);
  a.output_stride = out_groups * kChunk;
  return check(convolve(a, multiprocessors_, pass.stream), "a convolution");
}

Result<> DeviceLpips::run_pool(const Pass& pass, const Features& from, const Features& to) {
  Pool a;
  a.input = from.data;
  a.width = from.size.width;
  a.height = from.size.height;
  a.output = to.data;
  a.out_width = to.size.width;
  a.out_height = to.size.height;
  a.groups = groups(to.size.channels);
  a.pictures = pass.pictures();
  return check(pool(a, pass.stream), "a pool");
}

Result<> DeviceLpips::run_tap(const Pass& pass, std::size_t tap, const Features& features) {
  const FeatureSize& size = features.size;
  const LpipsBatch& batch = *pass.batch;
  const Band& band = pass.band;
  const auto row = [&](int y) { return std::min(size.height, (y - band.first) / size.stride); };
  const int first = row(band.own_first);
  const int end = band.last ? size.height : row(band.own_end);
  if (end <= first) return {};
  const auto whole = layout(batch, static_cast<int>(batch.shape.height));
  const FeatureSize& picture = whole.features()[features.index];
  auto* base = static_cast<std::byte*>(workspace_.get());
  const TrunkLayout sizes = layout(batch, band.rows);
  const auto pictures = static_cast<std::size_t>(pass.pictures());
  Tap a;
  a.features = features.data;
  a.groups = groups(size.channels);
  a.linear = static_cast<const float*>(linear_[tap].get());
  a.pixels = size.width * size.height;
  a.first = first * size.width;
  a.count = (end - first) * size.width;
  a.replicas = static_cast<int>(batch.replicas);
  a.units = static_cast<int>(pass.units);
  a.weight = 1.0 / (static_cast<double>(picture.width) * picture.height);
  a.partials = reinterpret_cast<double*>(base + aligned(pictures * sizes.region_bytes(0)) +
                                         aligned(pictures * sizes.region_bytes(1)));
  a.distances = pass.distances;
  return check(add_tap(a, pass.stream), "a tap");
}

}  // namespace worldshare::verifier::cuda
