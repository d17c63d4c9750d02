#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace worldshare::dispatcher {

/// Spares most questions of how much an agent has open: what was open when somebody looked, and
/// what it was given since, is never less than what is open now. Several dispatchers answer agents,
/// and each knows what it gave itself: up to kDispatchers of them stay within the limit together.
/// One thread.
class UploadRoom {
 public:
  static constexpr std::uint64_t kDispatchers = 4;

  /// `limit_bytes`: that one agent may have open.
  explicit UploadRoom(std::uint64_t limit_bytes) : share_(limit_bytes / kDispatchers) {}

  /// Counts these bytes. False when only a look at the rows can tell whether there is room.
  bool has_room(const std::string& agent, std::uint64_t bytes) {
    const auto known = open_.find(agent);
    if (known == open_.end() || bytes > share_ || known->second > share_ - bytes) return false;
    known->second += bytes;
    return true;
  }
  /// What the rows said, with all that this agent is given in the same moment.
  void learn(const std::string& agent, std::uint64_t bytes) {
    if (open_.size() >= kRemembered) open_.clear();
    open_[agent] = bytes;
  }

 private:
  static constexpr std::size_t kRemembered = 200'000;

  const std::uint64_t share_;
  std::unordered_map<std::string, std::uint64_t> open_;  // at most; bytes
};

}  // namespace worldshare::dispatcher
