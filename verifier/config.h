#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/blobs/store_settings.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"
#include "verifier/backends.h"
#include "verifier/consensus/agreement.h"
#include "verifier/image/artifacts.h"
#include "verifier/trust/rules.h"

namespace worldshare::verifier {

/// The verifier's settings. Order: these defaults < YAML < flags.
struct Config {
  std::string nats_url = "nats://127.0.0.1:4222";
  std::filesystem::path nats_ca_file;  ///< whom to trust with tls://; empty: the system's
  bool nats_allow_plain = false;       ///< nats:// to another machine, unencrypted
  std::filesystem::path nats_seed_file;
  std::filesystem::path nats_jwt_file;  ///< where the broker trusts JWTs; empty: it knows the key
  std::string postgres_conninfo = "dbname=worldshare";
  blobs::StoreSettings blobs;         ///< the dispatcher's
  std::string dispatcher_public_key;  ///< "U...": signs the tickets

  std::string http_address = "127.0.0.1";
  std::uint16_t http_port = 8081;  ///< GET /health

  Tolerances tolerances;
  std::uint64_t image_limit_bytes = 2ULL << 30;  ///< of one decoded image
  ArtifactOptions artifacts;

  std::string trust_policy = "standard";  ///< of policies_file; docs/trust.md
  std::uint32_t audit_tiles = 256;        ///< of an audit; fewer see less
  std::uint32_t audit_owners = 8;  ///< that are connected, and units are audited; 0: in any farm
  double audit_cost = 0;  ///< of an audit, in renders of its frame; 0: as measured of each job
  std::filesystem::path policies_file;  ///< as verifier/policy/policy.yaml; empty: that one

  BackendOptions backends;

  /// Puts frames together from their parts. The agent's program does what needs Blender.
  std::filesystem::path agent_program = "worldshare-agent";
  std::filesystem::path agent_config;                  ///< its YAML; empty: its defaults
  std::filesystem::path assembly_folder = "assembly";  ///< one float picture at a time
  std::uint64_t assembly_bytes = 4ULL << 30;           ///< memory of one frame

  std::uint32_t workers = 2;                       ///< results judged at once
  std::chrono::milliseconds startup_wait{30'000};  ///< how long services may take to appear
  std::string log_level = "info";

  YamlFields fields();
  /// kInvalid names the key that is missing or wrong.
  Result<> check() const;
  /// The policy as this version can carry it out. kInvalid names the key or the file's line.
  Result<Rules> rules() const;
};

}  // namespace worldshare::verifier
