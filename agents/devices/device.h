#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace worldshare::agent {

/// What Cycles renders with, as Blender finds it; by default the CPU.
struct Device {
  std::string id = "cpu";          ///< as agent.devices names it: "cpu", "cuda:0"
  std::string type = "CPU";        ///< as Cycles has it: CPU, CUDA, OPTIX, HIP, METAL, ONEAPI
  std::string cycles_id = "CPU";   ///< Cycles' persistent id
  std::string name;                ///< "NVIDIA GeForce RTX 3090"
  std::string pci;                 ///< of a GPU, "0000:65:00"; empty: not known
  std::uint64_t memory_bytes = 0;  ///< of a GPU; 0: nobody tells

  bool is_cpu() const { return type == "CPU"; }
};

/// A type of GPU that this Blender was built for.
struct Backend {
  std::string type;
  std::optional<bool> kernels;  ///< whether they came with it; nothing: that cannot be told
};

/// What renders on the device, as far as it changes bits: the CPU's instruction set, "cpu-avx2"; a
/// GPU's type and model, "cuda-nvidia_geforce_rtx_3090", because nobody has shown yet that two
/// models round alike.
std::string device_label(const Device& device);

}  // namespace worldshare::agent
