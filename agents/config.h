#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agents/blender/renderer.h"
#include "agents/devices/slot_plan.h"
#include "agents/politeness/politeness.h"
#include "agents/sandbox/sandbox.h"
#include "shared/crypto.h"
#include "shared/http/client.h"
#include "shared/nats/connection.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"

namespace worldshare::agent {

/// The agent's settings. Order: these defaults < YAML < flags.
struct Config {
  std::string nats_url = "nats://127.0.0.1:4222";  ///< tls://host:port beyond this machine
  std::filesystem::path nats_ca_file;   ///< whom to trust for the broker; empty: the system's
  std::filesystem::path nats_jwt_file;  ///< where the broker trusts JWTs; empty: it knows the key
  bool nats_allow_plain = false;        ///< nats:// to another machine, unencrypted
  std::filesystem::path http_ca_file;   ///< whom to trust for scenes and uploads
  bool http_allow_plain = false;        ///< http:// to another machine, unencrypted
  std::string farm_server;              ///< where this agent was enrolled; for people
  std::string farm_owner;               ///< as whose; for people
  std::filesystem::path seed_file = "agent.seed";      ///< who this agent is; made by --init-key
  std::filesystem::path state_folder = "agent-state";  ///< scene cache, scratch
  /// What was found out about this machine: what its Blender can do, which devices render rightly.
  /// Agents of one machine may share it; empty: the state folder.
  std::filesystem::path findings_folder;

  std::filesystem::path blender = "blender";  ///< program, looked up in PATH
  /// That render: auto, or a list of cpu, cuda:0, optix:0, hip:0, oneapi:0, metal:0, ...
  std::vector<std::string> devices{"auto"};
  std::uint32_t slots = 1;  ///< frames rendered at once on the CPU; on a GPU it is one
  std::uint32_t threads =
      0;                    ///< of each slot; 0: the cores shared among the slots, see slot_plan.h
  std::uint32_t nice = 10;  ///< 0..19: how much Blender steps back for others

  WarmLimits warm;  ///< when a warm Blender is replaced

  std::uint64_t cache_bytes = 20ULL << 30;        ///< scenes kept on disk
  std::uint64_t free_bytes = 1ULL << 30;          ///< left free on the disk, or no work is taken
  std::uint64_t scratch_bytes = 4ULL << 30;       ///< temporary files of one slot
  std::uint64_t artifact_bytes = 512ULL << 20;    ///< largest image handed in
  double download_mbit_s = 0;                     ///< of all scenes together; 0: no cap
  double upload_mbit_s = 0;                       ///< of all images together; 0: no cap
  std::uint64_t scene_plain_bytes = 64ULL << 30;  ///< largest scene when unpacked

  SandboxOptions sandbox;          ///< limits are filled in by sandbox_of_slots()
  std::uint64_t memory_bytes = 0;  ///< of each slot; 0: the machine's memory shared among the slots

  PolitenessOptions work;                           ///< when this machine works
  std::chrono::milliseconds trouble_pause{60'000};  ///< without work, when this machine is to blame
  std::chrono::milliseconds drain{20'000};  ///< at the end: for frames that can still be finished
  std::chrono::milliseconds prefetch{120'000};  ///< before a unit's end the next scene is fetched
  std::chrono::milliseconds heartbeat{30'000};  ///< until the dispatcher says otherwise
  std::string log_level = "info";
  std::string tamper;  ///< laboratory only: this agent cheats; see README.md

  YamlFields fields();
  /// Values that fit together; the error names the key.
  Result<> check() const;
  /// What there is for the slots of this machine.
  SlotSupply supply() const;
  /// Of one slot where there are none but the CPU's.
  std::uint64_t memory_per_slot() const;
  const std::filesystem::path& findings() const {
    return findings_folder.empty() ? state_folder : findings_folder;
  }
  /// Where `worldshare-agent status` finds the running agent.
  std::filesystem::path socket_file() const { return state_folder / "agent.socket"; }
  /// How this agent connects to the broker.
  nats::ConnectOptions broker(const NKey& key) const;
  /// How it fetches and uploads. The caps are shared by the copies of one answer.
  http::ClientOptions web() const;
  /// The caps for people, "download 8 Mbit/s, upload without a limit"; empty: there are none.
  std::string bandwidth() const;
  /// With the limits of this configuration.
  SandboxOptions sandbox_of_slots() const;
};

}  // namespace worldshare::agent
