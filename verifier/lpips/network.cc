#include "verifier/lpips/network.h"

#include <fmt/format.h>

#include <string>

#include "shared/crypto.h"
#include "verifier/lpips/safetensors.h"

namespace worldshare::verifier {
namespace {

constexpr std::size_t kFileLimit = 64 << 20;

using Kind = Stage::Kind;

struct ModelFile {
  std::string_view name;
  std::string_view sha256;
};

ModelFile file_of(Net net) {
  if (net == Net::kAlex) {
    return {"lpips_alex_v0.1.safetensors",
            "07c36d4c8463bb38c34bc3d6e74a3cfa5a8c50b3a4792eab4d5f1844fca8999d"};
  }
  return {"lpips_squeeze_v0.1.safetensors",
          "03c2475c509eed444714ef840b95e248f5b2bea9d18f41c59d68e3d1829b2702"};
}

Convolution convolution(int in, int out, int kernel, int stride, int pad) {
  Convolution c;
  c.in = in;
  c.out = out;
  c.kernel = kernel;
  c.stride = stride;
  c.pad = pad;
  return c;
}

Stage layer(const Convolution& c) { return {Kind::kConvolution, true, {c}}; }
Stage pool() { return {Kind::kPool, false, {}}; }
Stage fire(int in, int squeezed, int expanded, bool tap) {
  return {Kind::kFire,
          tap,
          {convolution(in, squeezed, 1, 1, 0), convolution(squeezed, expanded, 1, 1, 0),
           convolution(squeezed, expanded, 3, 1, 1)}};
}

// torchvision.models.alexnet().features[0..11].
Network alex() {
  Network n;
  n.net = Net::kAlex;
  n.stages = {layer(convolution(3, 64, 11, 4, 2)),   pool(),
              layer(convolution(64, 192, 5, 1, 2)),  pool(),
              layer(convolution(192, 384, 3, 1, 1)), layer(convolution(384, 256, 3, 1, 1)),
              layer(convolution(256, 256, 3, 1, 1))};
  n.minimum_side = 31;
  return n;
}

// torchvision.models.squeezenet1_1().features[0..12].
Network squeeze() {
  Network n;
  n.net = Net::kSqueeze;
  n.stages = {layer(convolution(3, 64, 3, 2, 0)),
              pool(),
              fire(64, 16, 64, false),
              fire(128, 16, 64, true),
              pool(),
              fire(128, 32, 128, false),
              fire(256, 32, 128, true),
              pool(),
              fire(256, 48, 192, true),
              fire(384, 48, 192, true),
              fire(384, 64, 256, true),
              fire(512, 64, 256, true)};
  n.ceil_pool = true;
  n.minimum_side = 17;
  return n;
}

/// The names' suffixes of a stage's convolutions.
std::vector<std::string_view> parts(const Stage& stage) {
  if (stage.kind == Kind::kFire) return {".squeeze", ".expand1x1", ".expand3x3"};
  return {""};
}

std::size_t extent(int value) { return static_cast<std::size_t>(value); }

/// The tensors of the file: weight and bias of each convolution, then the linear layers.
std::vector<TensorSpec> expected_tensors(const Network& network) {
  std::vector<TensorSpec> out;
  std::vector<std::size_t> taps;
  int index = 0;  // in torchvision's list, where a plain convolution's ReLU counts
  for (const Stage& stage : network.stages) {
    for (std::size_t i = 0; i < stage.convolutions.size(); ++i) {
      const Convolution& c = stage.convolutions[i];
      const std::string name = fmt::format("features.{}{}", index, parts(stage)[i]);
      out.push_back({fmt::format("{}.weight", name),
                     {extent(c.out), extent(c.in), extent(c.kernel), extent(c.kernel)}});
      out.push_back({fmt::format("{}.bias", name), {extent(c.out)}});
    }
    if (stage.tap) taps.push_back(extent(stage.out_channels()));
    index += stage.kind == Kind::kConvolution ? 2 : 1;
  }
  for (std::size_t i = 0; i < taps.size(); ++i) {
    out.push_back({fmt::format("lin{}.model.1.weight", i), {1, taps[i], 1, 1}});
  }
  return out;
}

void attach(Network& network, const std::vector<std::span<const float>>& tensors) {
  auto next = tensors.begin();
  for (Stage& stage : network.stages) {
    for (Convolution& c : stage.convolutions) {
      c.weight = *next++;
      c.bias = *next++;
    }
  }
  network.linear.assign(next, tensors.end());
}

}  // namespace

std::string_view to_string(Net net) { return net == Net::kAlex ? "alex" : "squeeze"; }

Result<Net> parse_net(std::string_view name) {
  for (const Net net : {Net::kAlex, Net::kSqueeze}) {
    if (name == to_string(net)) return net;
  }
  return fail(Errc::kInvalid, fmt::format("no LPIPS network {}: alex or squeeze", name));
}

int Stage::out_channels() const {
  if (kind == Kind::kFire) return convolutions[1].out + convolutions[2].out;
  return convolutions.empty() ? 0 : convolutions[0].out;
}

Result<Network> load_network(const std::filesystem::path& models_directory, Net net) {
  const ModelFile model = file_of(net);
  const auto path = models_directory / model.name;
  auto file = MappedFile::open(path, kFileLimit);
  if (!file) {
    return fail(file.error().code, fmt::format("LPIPS is off: no model: {}", file.error().message));
  }
  if (to_hex(sha256(file->bytes())) != model.sha256) {
    return fail(Errc::kCorrupt,
                fmt::format("LPIPS is off: {} is not the published file: its SHA-256 is not {}",
                            path.string(), model.sha256));
  }
  Network network = net == Net::kAlex ? alex() : squeeze();
  network.memory = std::make_shared<const MappedFile>(std::move(*file));
  const auto tensors = read_safetensors(network.memory->bytes(), expected_tensors(network));
  if (!tensors) {
    return fail(Errc::kCorrupt,
                fmt::format("LPIPS is off: {}: {}", path.string(), tensors.error().message));
  }
  attach(network, *tensors);
  return network;
}

}  // namespace worldshare::verifier
