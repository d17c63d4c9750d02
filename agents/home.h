#pragma once

#include <filesystem>

#include "agents/config.h"
#include "shared/result.h"

namespace worldshare::agent {

/// The folder that makes an agent this agent. Nobody but its user should read it.
struct Home {
  std::filesystem::path folder;

  std::filesystem::path seed() const { return folder / "agent.seed"; }
  std::filesystem::path enrolment() const { return folder / "enrolment.yaml"; }
  std::filesystem::path broker_ca() const { return folder / "broker-ca.pem"; }
  std::filesystem::path broker_jwt() const { return folder / "broker.jwt"; }
  std::filesystem::path server_ca() const { return folder / "server-ca.pem"; }
  std::filesystem::path state() const { return folder / "state"; }

  /// Hands what root wrote below the folder to the folder's own user: the service is not root.
  Result<> give_to_its_user() const;
};

/// $WORLDSHARE_AGENT_HOME; else the package's /var/lib/worldshare-agent where this user may write
/// it; else $XDG_STATE_HOME/worldshare-agent or ~/.local/state/worldshare-agent.
Home default_home();

/// What its owner wishes: $WORLDSHARE_AGENT_CONFIG, else /etc/worldshare/agent.yaml. It need not be
/// there.
std::filesystem::path wishes_file();

/// Fills `config` from `chosen` alone when it is given; else from the enrolment and the wishes of
/// `home`. kNotFound when there is neither; kInvalid with file and line.
Result<> load_config(Config& config, const std::filesystem::path& chosen, const Home& home);

}  // namespace worldshare::agent
