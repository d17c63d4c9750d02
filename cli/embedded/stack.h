#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/embedded/supervisor.h"
#include "shared/result.h"

namespace worldshare::cli {

struct StackOptions {
  std::filesystem::path
      state;            ///< everything lives below it; reused when it holds an earlier stack
  unsigned agents = 3;  ///< of so many different owners
  unsigned tamper = 0;  ///< the n-th agent (1-based) cheats; 0: none
  std::string log_level = "info";
  std::filesystem::path blender = "blender";  ///< of the agents
  /// The system whose Blender and libraries the agents use; another than / is the root folder of
  /// another release.
  std::filesystem::path agent_root = "/";
};

/// The whole of WorldShare on this machine: a private NATS server, PostgreSQL cluster, dispatcher,
/// verifier and agents of different owners, all on loopback or sockets below `state`, kept running
/// until the object goes.
class Stack {
 public:
  /// Blocks until the API answers (a few seconds). kNotFound names a missing program and its Debian
  /// package.
  static Result<std::unique_ptr<Stack>> start(const StackOptions& options, std::stop_token stop);

  const std::string& url() const { return url_; }
  const std::string& token() const { return token_; }
  /// The folder of the built pages; empty when they are not there.
  std::filesystem::path dashboard() const;
  /// "volunteer-1", ...: the owner of the n-th agent (1-based).
  static std::string owner(unsigned agent);
  const Supervisor& supervisor() const { return supervisor_; }

 private:
  explicit Stack(StackOptions options);
  Result<> prepare();
  Result<> start_postgres();
  Result<> start_nats();
  Result<> start_services(std::stop_token stop);
  Result<> start_agents();
  Result<> write_dispatcher_config();
  Result<> write_verifier_config();
  Result<> write_agent_config(unsigned agent);
  ProcessOptions program(const std::string& name, const std::string& log) const;

  StackOptions options_;
  std::filesystem::path programs_;  ///< folder of our own programs
  std::filesystem::path data_;      ///< broker-config/, schemas/
  std::string conninfo_;
  std::string nats_url_;
  std::string nats_monitor_;
  std::uint16_t http_port_ = 0;
  std::uint16_t health_port_ = 0;
  std::string url_;
  std::string token_;
  Supervisor supervisor_;
};

/// The folder of this program, where the others are.
std::filesystem::path program_folder();

/// $WORLDSHARE_STATE, else /var/lib/worldshare for root, else $XDG_STATE_HOME/worldshare or
/// ~/.local/state/worldshare.
std::filesystem::path default_state_root();

}  // namespace worldshare::cli
