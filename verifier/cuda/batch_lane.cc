#include "verifier/cuda/batch_lane.h"

#include "verifier/cuda/pair_figures.h"

namespace worldshare::verifier::cuda {
namespace {

constexpr std::size_t kAlignment = 256;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

Sample sample_of(Depth depth) {
  switch (depth) {
    case Depth::kU8: return Sample::kU8;
    case Depth::kU16: return Sample::kU16;
    case Depth::kF16: return Sample::kF16;
    case Depth::kF32: return Sample::kF32;
  }
  return Sample::kF32;
}

CompareBatch batch_of(const Shape& shape, std::size_t pairs) {
  CompareBatch batch;
  batch.width = shape.width;
  batch.height = shape.height;
  batch.stride_bytes = static_cast<std::uint32_t>(shape.stride());
  batch.channels = shape.channels;
  batch.sample = sample_of(shape.depth);
  batch.pairs = static_cast<std::uint32_t>(pairs);
  return batch;
}

std::byte* at(void* memory, std::size_t offset) { return static_cast<std::byte*>(memory) + offset; }

}  // namespace

Result<BatchLane> BatchLane::open(std::size_t bytes, std::size_t pairs) {
  auto stream = make_stream();
  if (!stream) return std::unexpected(stream.error());
  auto device = allocate(bytes);
  if (!device) return std::unexpected(device.error());
  BatchLane lane;
  lane.bytes_ = bytes;
  lane.pairs_ = pairs;
  lane.stream_ = std::move(*stream);
  lane.device_ = std::move(*device);
  return lane;
}

BatchLane::Layout BatchLane::layout(const Shape& shape, std::size_t pictures, std::size_t pairs) {
  Layout out;
  out.sizes = compare_sizes(batch_of(shape, pairs));
  out.pointers = pictures * aligned(shape.size_bytes());
  out.sums = out.pointers + aligned(2 * pairs * sizeof(void*));
  out.blocks = out.sums + out.sizes.sums;
  out.workspace = aligned(out.blocks + out.sizes.blocks);
  out.end = out.workspace + out.sizes.workspace;
  return out;
}

bool BatchLane::fits(const Shape& shape, std::size_t pictures, std::size_t pairs) const {
  return pairs <= pairs_ && layout(shape, pictures, pairs).end <= bytes_;
}

Result<> BatchLane::run(std::span<UnitWork* const> units) {
  std::vector<const std::uint8_t*> pairs;
  if (auto ok = upload(units, pairs); !ok) return ok;
  std::size_t pictures = 0;
  for (const UnitWork* unit : units) pictures += unit->replicas.size();
  const Shape& shape = units[0]->replicas[0].shape();
  if (auto ok = compute(shape, pairs, pictures); !ok) return ok;
  collect(units, shape, layout(shape, pictures, pairs.size() / 2));
  return {};
}

Result<> BatchLane::upload(std::span<UnitWork* const> units,
                           std::vector<const std::uint8_t*>& pairs) {
  std::size_t offset = 0;
  for (const UnitWork* unit : units) {
    std::vector<const std::uint8_t*> places;
    for (const Picture& picture : unit->replicas) {
      std::byte* to = at(device_.get(), offset);
      const std::size_t bytes = picture.shape().size_bytes();
      if (auto ok = check(
              cudaMemcpyAsync(to, picture.data(), bytes, cudaMemcpyHostToDevice, stream_.get()),
              "a picture's copy");
          !ok) {
        return ok;
      }
      places.push_back(reinterpret_cast<const std::uint8_t*>(to));
      offset += aligned(bytes);
    }
    for (std::size_t a = 0; a < places.size(); ++a) {
      for (std::size_t b = a + 1; b < places.size(); ++b)
        pairs.insert(pairs.end(), {places[a], places[b]});
    }
  }
  return {};
}

Result<> BatchLane::compute(const Shape& shape,
                            const std::vector<const std::uint8_t*>& pairs,
                            std::size_t pictures) {
  const Layout where = layout(shape, pictures, pairs.size() / 2);
  CompareBatch batch = batch_of(shape, pairs.size() / 2);
  void* device = device_.get();
  batch.pictures = reinterpret_cast<const std::uint8_t* const*>(at(device, where.pointers));
  const std::size_t returned = where.sizes.sums + where.sizes.blocks;
  if (returned > results_bytes_) {
    void* memory = nullptr;
    if (auto ok = check(cudaMallocHost(&memory, returned), "page-locked memory"); !ok) return ok;
    results_.reset(memory);
    results_bytes_ = returned;
  }
  const cudaStream_t stream = stream_.get();
  cudaError_t error = cudaMemcpyAsync(at(device, where.pointers), pairs.data(),
                                      pairs.size() * sizeof(void*), cudaMemcpyHostToDevice, stream);
  if (error == cudaSuccess) {
    error = compare(batch, at(device, where.workspace),
                    reinterpret_cast<PairSums*>(at(device, where.sums)),
                    reinterpret_cast<float*>(at(device, where.blocks)), stream);
  }
  if (error == cudaSuccess)
    error = cudaMemcpyAsync(results_.get(), at(device, where.sums), returned,
                            cudaMemcpyDeviceToHost, stream);
  // Also after an error: the stream may still read the caller's pictures.
  const cudaError_t done = cudaStreamSynchronize(stream);
  return check(error == cudaSuccess ? done : error, "a comparison");
}

void BatchLane::collect(std::span<UnitWork* const> units,
                        const Shape& shape,
                        const Layout& where) const {
  const auto* sums = static_cast<const PairSums*>(results_.get());
  const auto* blocks = reinterpret_cast<const float*>(at(results_.get(), where.sizes.sums));
  const std::size_t count = std::size_t{where.sizes.blocks_x} * where.sizes.blocks_y;
  for (UnitWork* unit : units) {
    for (std::size_t i = pair_count(unit->replicas.size()); i > 0; --i, ++sums, blocks += count) {
      unit->figures.push_back(pair_figures(*sums, {blocks, count}, shape));
    }
  }
}

}  // namespace worldshare::verifier::cuda
