#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "verifier/lpips/mapped_file.h"

namespace worldshare::verifier {

/// The trunks of LPIPS v0.1 that this program knows: torchvision's AlexNet and SqueezeNet 1.1.
enum class Net : std::uint8_t { kAlex, kSqueeze };
std::string_view to_string(Net net);
/// "alex" or "squeeze".
Result<Net> parse_net(std::string_view name);

/// Followed by ReLU.
struct Convolution {
  int in = 0;
  int out = 0;
  int kernel = 1;
  int stride = 1;
  int pad = 0;
  std::span<const float> weight;  ///< [out][in][kernel][kernel]
  std::span<const float> bias;    ///< [out]
  int out_size(int size) const { return (size + 2 * pad - kernel) / stride + 1; }
};

/// One step of a trunk.
struct Stage {
  enum class Kind : std::uint8_t {
    kConvolution,  ///< convolutions[0]
    kPool,         ///< the maximum of 3x3 with stride 2
    kFire,         ///< convolutions[0], then [1] (1x1) and [2] (3x3) of it, side by side
  };
  Kind kind = Kind::kConvolution;
  bool tap = false;  ///< LPIPS looks at what comes out
  std::vector<Convolution> convolutions;
  /// Channels that come out of a convolution or a fire.
  int out_channels() const;
};

/// A trunk and its linear layers. Immutable; copies share the weights.
struct Network {
  Net net = Net::kAlex;
  std::vector<Stage> stages;
  std::vector<std::span<const float>> linear;  ///< of each tap, one weight for each channel
  /// Pools keep a window that only half fits: torch's ceil_mode.
  bool ceil_pool = false;
  int minimum_side = 0;  ///< pixels; nothing comes out of a smaller picture
  std::shared_ptr<const MappedFile> memory;

  int pooled(int size) const { return ceil_pool ? size / 2 : (size - 1) / 2; }
};

/// Pixels between neighbours of the last stage, of both trunks.
inline constexpr int kTrunkStride = 16;

/// Reads `models_directory`/lpips_{alex,squeeze}_v0.1.safetensors. kNotFound when the file is not
/// there and kCorrupt when it is not the published one (SHA-256), with a sentence for people.
Result<Network> load_network(const std::filesystem::path& models_directory, Net net);

}  // namespace worldshare::verifier
