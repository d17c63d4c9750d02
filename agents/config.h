#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "agents/sandbox/sandbox.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"

namespace worldshare::agent {

/// The agent's settings. Order: these defaults < YAML < flags.
struct Config {
  std::string nats_url = "nats://127.0.0.1:4222";
  std::filesystem::path seed_file = "agent.seed";  ///< who this agent is; made by --init-key
  std::filesystem::path state_folder =
      "agent-state";  ///< scene cache, scratch, what Blender can do

  std::filesystem::path blender = "blender";  ///< program, looked up in PATH
  std::uint32_t slots = 1;                    ///< frames rendered at once
  std::uint32_t threads = 0;                  ///< of each slot; 0: the cores shared among the slots
  std::uint32_t nice = 10;                    ///< 0..19: how much Blender steps back for others

  std::uint64_t cache_bytes = 20ULL << 30;        ///< scenes kept on disk
  std::uint64_t scratch_bytes = 4ULL << 30;       ///< temporary files of one slot
  std::uint64_t artifact_bytes = 512ULL << 20;    ///< largest image handed in
  std::uint64_t scene_plain_bytes = 64ULL << 30;  ///< largest scene when unpacked

  SandboxOptions sandbox;          ///< limits are filled in by sandbox_of_slots()
  std::uint64_t memory_bytes = 0;  ///< of each slot; 0: the machine's memory shared among the slots

  std::chrono::milliseconds heartbeat{30'000};  ///< until the dispatcher says otherwise
  std::string log_level = "info";
  std::string tamper;  ///< laboratory only: this agent cheats; see README.md

  YamlFields fields();
  /// Values that fit together; the error names the key.
  Result<> check() const;
  /// Of one slot, never 0.
  unsigned threads_per_slot() const;
  std::uint64_t memory_per_slot() const;
  /// With the limits of this configuration.
  SandboxOptions sandbox_of_slots() const;
};

}  // namespace worldshare::agent
