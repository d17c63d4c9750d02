#pragma once

#include <span>
#include <string>

namespace worldshare::nats {

/// The text of agents.conf, the part of the broker's configuration that lets agents in: one account
/// for each, which imports that agent's own subjects and nothing else. A reply is delivered within
/// the account that asked, so an agent cannot even have an answer to its own request delivered to
/// another agent. `agents` are public nkeys (shared/crypto.h is_user_nkey), each once.
std::string agents_conf(std::span<const std::string> agents);

}  // namespace worldshare::nats
