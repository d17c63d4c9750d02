#pragma once

#include <memory>
#include <stop_token>

#include "agents/config.h"
#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::agent {

/// The program on a render node: says what it can take, renders what its mailboxes say, reports.
/// The destructor waits for transfers under way, up to their timeouts; a process in a hurry ends
/// without it.
class Agent {
 public:
  /// Reads the key, asks Blender what it can do, opens the cache. Talks to nobody yet. kConflict
  /// while another agent of this machine has the state folder.
  static Result<std::unique_ptr<Agent>> open(const Config& config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Works until `stop` is requested; a broker or dispatcher that is away is waited for. Then takes
  /// no more work, finishes what config.drain gives time for, hands back the rest, and returns some
  /// seconds later at most. Call once.
  void run(std::stop_token stop);
  /// The public key: this agent's id.
  const std::string& id() const;

 private:
  Agent();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace worldshare::agent
