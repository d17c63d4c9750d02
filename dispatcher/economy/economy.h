#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shared/clock.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

using UnitId = std::int64_t;

/// A job that still has work, as matching needs it.
struct Job {
  std::string id;
  wire::ManifestT manifest;  ///< checked, with defaults filled in
  std::uint32_t frames_made = 0;
};

/// A unit that has no final verdict yet.
struct Unit {
  UnitId id = 0;
  std::string job;
  std::int32_t frame = 0;
  std::uint32_t wanted = 2;        ///< opinions that the trust engine wants in all
  std::set<std::string> opinions;  ///< leases whose results it counts
  std::set<std::string> voids;     ///< leases whose results it could not use
  std::uint32_t expiries = 0;
  std::set<std::string> owners;       ///< who holds or held a replica that counts
  std::set<std::string> void_owners;  ///< asked again only after everybody else
  std::set<std::string> leases;       ///< live ones
  Clock::TimePoint held_until{};      ///< the sibling is not offered before
};

struct Lease {
  std::string id;
  UnitId unit = 0;
  std::string agent;
  std::string owner;
  std::uint32_t slot = 0;
  Clock::TimePoint expires_at{};
  Clock::TimePoint sent_at{};
  wire::LeasePhase phase = wire::LeasePhase::fetching;
  float progress = 0;
  bool dirty = false;  ///< expires_at moved since it was last written
};

/// What an agent said last.
struct Node {
  std::string owner;
  wire::AgentStateT state;
  std::set<std::string> scenes;
  Clock::TimePoint seen_at{};
};

struct EconomyOptions {
  std::chrono::milliseconds lease_initial{300'000};  ///< until the first sign of progress
  std::chrono::milliseconds lease_extend{120'000};   ///< after each sign of progress
  std::chrono::milliseconds report_grace{600'000};   ///< reported, but no word of the verifier yet
  std::chrono::milliseconds heartbeat{30'000};
  std::chrono::milliseconds sibling_hold{
      5'000};                       ///< upper end of the random delay of a second replica
  std::uint32_t max_expiries = 10;  ///< a unit that loses more leases than this fails
};

struct StopOrder {
  std::string agent;
  std::uint32_t slot = 0;
  std::string lease;
  std::string reason;
};

struct HeartbeatOutcome {
  std::vector<std::string> resend;  ///< leases whose assignment the agent seems not to have
  std::vector<StopOrder> stop;
};

struct UnitFailure {
  UnitId unit = 0;
  std::string reason;
};

struct Reported {
  std::vector<StopOrder> stop;
  std::optional<UnitFailure> failed;  ///< too many results were void
};

struct Expired {
  std::vector<std::string> leases;
  std::vector<StopOrder> stop;
  std::vector<UnitFailure> failed;
};

struct WantedUnits {
  std::string job;
  std::uint32_t first_index = 0;  ///< frames [first_index, first_index + count) of the manifest
  std::uint32_t count = 0;
};

/// The economy scheduler's memory: jobs, open units, leases, nodes, and who gets what. No I/O, no
/// threads; everything here can be rebuilt from PostgreSQL (units, leases) and the next heartbeats
/// (nodes). The caller writes what match() proposes before anybody hears of it, and takes it back
/// with cancel() when that fails.
class Economy {
 public:
  /// `draw(n)` returns a uniform number below n; production passes random_below.
  Economy(EconomyOptions options, std::function<std::uint64_t(std::uint64_t)> draw);

  /// Takes over what is known of the agents; for a rebuild of everything else.
  void adopt_nodes(Economy& other) { nodes_ = std::move(other.nodes_); }

  void add_job(Job job);
  void remove_job(const std::string& id);
  bool has_job(const std::string& id) const { return jobs_.contains(id); }
  const Job* job(const std::string& id) const;
  void frames_made(const std::string& job, std::uint32_t count);

  void add_unit(Unit unit);
  /// Ends a unit: its live leases are returned as stop orders and forgotten.
  std::vector<StopOrder> close_unit(UnitId id, const std::string& reason);
  const Unit* unit(UnitId id) const;

  /// A lease that PostgreSQL knows (restart) or that match() proposed and the caller has written.
  void add_lease(Lease lease);
  const Lease* lease(const std::string& id) const;
  /// Forgets a lease that match() proposed but that could not be written.
  void cancel(const std::string& lease);

  /// Takes in an agent's state. `owner` is whose agent it is.
  HeartbeatOutcome heartbeat(const std::string& owner,
                             wire::AgentStateT state,
                             Clock::TimePoint now);

  /// How many further units free slots could take now, in job order. The caller makes them and
  /// calls add_unit.
  std::vector<WantedUnits> wanted_units(Clock::TimePoint now) const;
  /// Assigns free slots to units that want replicas. The leases are in memory already when this
  /// returns.
  std::vector<Lease> match(Clock::TimePoint now);

  /// The trust engine recorded a result: the lease is over. `counts`: an opinion; otherwise void.
  Reported reported(const std::string& lease, const std::string& owner, UnitId unit, bool counts);
  /// The trust engine asks for so many opinions in all; never lowers what it asked before.
  void want(UnitId unit, std::uint32_t opinions);

  Expired expire(Clock::TimePoint now);
  void sent(const std::string& lease, Clock::TimePoint now);
  /// Leases whose expiry moved since the last call.
  std::vector<Lease> take_dirty();

  /// Why a job's open work waits for an agent, for people; empty when it does not.
  std::string waiting(const std::string& job, Clock::TimePoint now) const;
  std::uint32_t nodes_online(Clock::TimePoint now) const;
  std::vector<std::string> job_ids() const;

 private:
  struct Seat {
    const std::string* agent;
    const Node* node;
    std::uint32_t slot;
  };
  bool online(const Node& node, Clock::TimePoint now) const;
  std::vector<Seat> free_seats(Clock::TimePoint now) const;
  bool occupied(const std::string& agent, std::uint32_t slot) const;
  static std::string why_not(const Job& job, const Node& node);
  bool wants_replica(const Unit& unit, Clock::TimePoint now) const;
  std::optional<std::size_t> choose_seat(const Unit& unit,
                                         const Job& job,
                                         const std::vector<Seat>& seats);
  void forget_lease(const std::string& id);
  void note_progress(Lease& lease, const wire::LeaseProgressT& progress, Clock::TimePoint now);

  EconomyOptions options_;
  std::function<std::uint64_t(std::uint64_t)> draw_;
  std::vector<std::string> job_order_;
  std::map<std::string, Job> jobs_;
  std::map<UnitId, Unit> units_;
  std::map<std::string, Lease> leases_;
  std::map<std::pair<std::string, std::uint32_t>, std::string> seats_;  ///< (agent, slot) → lease
  std::map<std::string, Node> nodes_;
};

}  // namespace worldshare::dispatcher
