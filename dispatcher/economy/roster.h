#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/capability_book.h"
#include "dispatcher/economy/seat_index.h"
#include "shared/clock.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// Whether an agent is given work. `drained`: the dispatcher's own judgement; `disabled`: a
/// person's.
enum class Standing : std::uint8_t { kEnabled, kDrained, kDisabled };

/// What an agent has done lately; halved when it grows, so that the past fades.
struct Record {
  std::uint32_t finished = 0;
  std::uint32_t faults = 0;  ///< units that it failed and others finished
};

/// Slots of one agent that can do the same.
struct SeatKind {
  ClassId capability = 0;
  std::uint64_t slots = 0;  ///< one bit each
  bool operator==(const SeatKind&) const = default;
};

/// What an agent said last, and what is known of it.
struct Node {
  std::string agent;
  OwnerId owner = 0;
  std::vector<SeatKind> kinds;   ///< no slot is of two; one of none gets no work
  std::uint64_t free_slots = 0;  ///< one bit each, as the agent says
  std::uint64_t occupied = 0;    ///< slots with a lease that is not reported yet
  std::uint64_t offered = 0;     ///< slots in the seat index
  std::uint32_t unjudged = 0;    ///< leases that it calls reported and that nobody has judged yet
  std::vector<std::pair<std::uint32_t, std::string>>
      held;                     ///< slot, lease; the latest of each slot
  std::vector<SceneId> scenes;  ///< sorted; those in its cache that jobs need
  std::uint64_t started_ms = 0;
  std::uint64_t sequence = 0;
  std::uint32_t slots = 0;
  Clock::TimePoint seen_at{};
  bool draining = false;
  bool online = false;
  bool counted = false;         ///< among the owners of its classes: it is online and gets work
  bool trusted = false;         ///< trusted hardware: no volunteer's
  bool shared_tickets = false;  ///< takes tickets that share a signature
  Standing standing = Standing::kEnabled;
  std::string reason;  ///< for its standing
  std::vector<std::string> labels;
  Record record;
  double allowance = 0;  ///< heartbeats that it may send at once
};

struct RosterOptions {
  std::chrono::milliseconds silence{92'000};  ///< without a heartbeat it counts as gone
  double heartbeats_per_second = 50;          ///< beyond which they are not read
  std::uint32_t first_quota = 8;              ///< leases at once of an agent without a record
  std::uint32_t drain_faults = 3;             ///< that drain it when it finished no more units
};

/// The agents and their free seats, trusted hardware apart from volunteers. Nothing that an agent
/// says costs more than its bounded size; only reset() and set_trusted() look at all agents.
class Roster {
 public:
  static constexpr std::uint32_t kMaxSlots = 64;
  static constexpr std::size_t kMaxScenes = 64;
  /// Further kinds of slots of one agent get no work.
  static constexpr std::size_t kMaxKinds = 8;
  using Owners = std::map<OwnerId, std::uint32_t>;

  explicit Roster(RosterOptions options = {}) : options_(options) {}

  NodeId enter(const std::string& agent, OwnerId owner);
  std::optional<NodeId> find(const std::string& agent) const;
  const Node& node(NodeId id) const { return nodes_[id]; }
  /// Of a seat; nothing for one that gets no work.
  std::optional<ClassId> capability(Seat seat) const;

  /// Whether the agent's next heartbeat is read; false in a flood, and for one that was overtaken.
  bool admits(NodeId id, const wire::AgentStateT& state, Clock::TimePoint now);
  void hear(NodeId id, const wire::AgentStateT& state, Clock::TimePoint now);
  /// Withdraws who has been silent for too long; their leases stay.
  void mark_silent(Clock::TimePoint now);
  /// Whom mark_silent() found since the last call.
  std::vector<std::string> take_silent() { return std::exchange(silent_, {}); }

  void occupy(NodeId id, std::uint32_t slot, const std::string& lease);
  /// The agent says that the lease's result is under way: the slot may take another although the
  /// lease still counts. Its word alone gets it few: see wanted_seats().
  void note_report(NodeId id, std::uint32_t slot, const std::string& lease);
  /// The lease is over; `reported`: note_report() was told of it.
  void release(NodeId id, std::uint32_t slot, const std::string& lease, bool reported);
  /// Forgets all leases and scenes, for a rebuild.
  void reset();

  /// Whether the owner's agents, also those that come later, are trusted hardware; else they are
  /// volunteers. Looks at all agents: it is an operator's order.
  void set_trusted(OwnerId owner, bool trusted);
  /// Owners whose agents are.
  std::uint32_t appointed() const { return static_cast<std::uint32_t>(appointed_.size()); }
  void set_standing(NodeId id, Standing standing, const std::string& reason);
  /// Holds from the next heartbeat on.
  void set_labels(NodeId id, std::vector<std::string> labels);
  void note_finished(NodeId id);
  /// True when this drained the agent.
  bool note_fault(NodeId id);

  SceneId add_scene(const std::string& sha256);
  void drop_scene(const std::string& sha256);

  CapabilityBook& book() { return book_; }
  const CapabilityBook& book() const { return book_; }
  /// Of volunteers.
  const SeatIndex& seats() const { return volunteers_.seats; }
  const SeatIndex& trusted_seats() const { return trusted_.seats; }
  std::uint32_t online() const { return static_cast<std::uint32_t>(presence_.size()); }
  /// Volunteers with agents of that class that are there and get work, and how many.
  const Owners& owners(ClassId capability) const { return owners(volunteers_, capability); }
  /// The same for trusted hardware.
  const Owners& trusted_owners(ClassId capability) const { return owners(trusted_, capability); }
  std::size_t size() const { return nodes_.size(); }

 private:
  /// Agents that are kept apart from all others.
  struct Side {
    SeatIndex seats;
    std::map<ClassId, Owners> owners;
  };
  Side& side_of(const Node& node) { return node.trusted ? trusted_ : volunteers_; }
  static const Owners& owners(const Side& side, ClassId capability);
  void assign(NodeId id, OwnerId owner);
  void offer(NodeId id);
  void withdraw(Node& node, NodeId id);
  std::uint64_t wanted_seats(const Node& node) const;
  std::uint32_t quota(const Node& node) const;
  void set_presence(NodeId id, bool online, Clock::TimePoint now);
  void count_owner(Node& node, bool counts);
  void set_kinds(Node& node, NodeId id, const wire::AgentStateT& state);
  std::vector<SeatKind> enter_kinds(const Node& node, const wire::AgentStateT& state);
  void add_kind(std::vector<SeatKind>& kinds, const Offer& offer, std::uint64_t slots);
  std::vector<SceneId> known_scenes(const std::vector<std::string>& scenes) const;

  RosterOptions options_;
  CapabilityBook book_;
  Side volunteers_;
  Side trusted_;
  std::set<OwnerId> appointed_;  ///< whose agents are trusted hardware
  std::vector<Node> nodes_;
  std::unordered_map<std::string, NodeId> node_of_;
  std::set<std::pair<Clock::TimePoint, NodeId>> presence_;  ///< who is there, by last heartbeat
  std::unordered_map<std::string, std::pair<SceneId, std::size_t>> scenes_;  ///< id, jobs
  SceneId next_scene_ = 0;
  std::vector<std::string> silent_;
};

}  // namespace worldshare::dispatcher
