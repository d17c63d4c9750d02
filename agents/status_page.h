#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "agent_types.h"
#include "agents/config.h"
#include "agents/lease_book.h"
#include "agents/scenes/scene_cache.h"
#include "agents/work_gate.h"
#include "agents/work_history.h"

namespace worldshare::agent {

/// What the agent tells its owner about itself, as JSON. Thread-safe.
class StatusPage {
 public:
  struct Parts {
    const Config& config;
    const std::string& agent;  ///< public key
    const wire::CapabilitiesT& capabilities;
    const std::vector<SlotPlan>& slots;
    const LeaseBook& book;
    const WorkGate& gate;
    const WorkHistory& history;
    const SceneCache& scenes;
  };
  explicit StatusPage(Parts parts) : parts_(parts) {}

  enum class Stage : std::uint8_t { connecting, greeting, serving, broker_away, leaving };
  /// `reason`: what stands in the way, for people.
  void set_stage(Stage stage, const std::string& reason = {});
  /// What the farm said of this agent: its owner, and why it gets no work.
  void set_terms(const wire::HelloReplyT& terms);
  /// Asked for the owner's credit, at most once a minute.
  void set_credit_source(std::function<std::optional<double>()> source);

  std::string json();

 private:
  std::optional<double> credit();
  std::string state_word(Stage stage, bool working) const;

  const Parts parts_;
  mutable std::mutex mutex_;
  Stage stage_ = Stage::connecting;                       // by mutex_
  std::string reason_;                                    // by mutex_
  std::string owner_;                                     // by mutex_
  std::string notice_;                                    // by mutex_
  std::function<std::optional<double>()> credit_source_;  // by mutex_
  std::optional<double> credit_;                          // by mutex_
  std::chrono::steady_clock::time_point credit_asked_{};  // by mutex_
};

}  // namespace worldshare::agent
