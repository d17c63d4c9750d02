#include "dispatcher/economy/economy.h"

#include <algorithm>
#include <cmath>

#include "shared/ids.h"
#include "shared/messages/manifest.h"
#include "shared/version.h"

namespace worldshare::dispatcher {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::ranges::find(list, item) != list.end();
}

}  // namespace

Economy::Economy(EconomyOptions options, std::function<std::uint64_t(std::uint64_t)> draw)
    : options_(options), draw_(std::move(draw)) {}

void Economy::add_job(Job job) {
  const std::string id = job.id;
  if (jobs_.insert_or_assign(id, std::move(job)).second) job_order_.push_back(id);
}

void Economy::remove_job(const std::string& id) {
  jobs_.erase(id);
  std::erase(job_order_, id);
}

const Job* Economy::job(const std::string& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

void Economy::frames_made(const std::string& job, std::uint32_t count) {
  if (const auto found = jobs_.find(job); found != jobs_.end()) found->second.frames_made += count;
}

void Economy::add_unit(Unit unit) {
  const UnitId id = unit.id;
  units_.insert_or_assign(id, std::move(unit));
}

const Unit* Economy::unit(UnitId id) const {
  const auto found = units_.find(id);
  return found == units_.end() ? nullptr : &found->second;
}

const Lease* Economy::lease(const std::string& id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : &found->second;
}

void Economy::add_lease(Lease lease) {
  if (const auto unit = units_.find(lease.unit); unit != units_.end()) {
    unit->second.leases.insert(lease.id);
    unit->second.owners.insert(lease.owner);
  }
  seats_[{lease.agent, lease.slot}] = lease.id;
  const std::string id = lease.id;
  leases_.insert_or_assign(id, std::move(lease));
}

void Economy::forget_lease(const std::string& id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  const Lease& lease = found->second;
  if (const auto unit = units_.find(lease.unit); unit != units_.end())
    unit->second.leases.erase(id);
  const auto seat = seats_.find({lease.agent, lease.slot});
  if (seat != seats_.end() && seat->second == id) seats_.erase(seat);
  leases_.erase(found);
}

void Economy::cancel(const std::string& lease) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return;
  if (const auto unit = units_.find(found->second.unit); unit != units_.end()) {
    unit->second.owners.erase(found->second.owner);
  }
  forget_lease(lease);
}

std::vector<StopOrder> Economy::close_unit(UnitId id, const std::string& reason) {
  std::vector<StopOrder> stop;
  const auto found = units_.find(id);
  if (found == units_.end()) return stop;
  const std::set<std::string> leases = found->second.leases;
  for (const auto& lease_id : leases) {
    const Lease& lease = leases_.at(lease_id);
    if (lease.phase != wire::LeasePhase::reported) {
      stop.push_back({lease.agent, lease.slot, lease_id, reason});
    }
    forget_lease(lease_id);
  }
  units_.erase(id);
  return stop;
}

void Economy::note_progress(Lease& lease,
                            const wire::LeaseProgressT& progress,
                            Clock::TimePoint now) {
  const float value =
      std::isfinite(progress.progress) ? std::clamp(progress.progress, 0.0F, 1.0F) : 0.0F;
  const bool advanced =
      progress.phase > lease.phase || (progress.phase == lease.phase && value > lease.progress);
  if (!advanced) return;
  const auto extension =
      progress.phase == wire::LeasePhase::reported ? options_.report_grace : options_.lease_extend;
  // Scene loading tells nothing for a while: the initial time is not cut by an early sign of life.
  lease.expires_at = std::max(lease.expires_at, now + extension);
  lease.phase = progress.phase;
  lease.progress = value;
  lease.dirty = true;
}

HeartbeatOutcome Economy::heartbeat(const std::string& owner,
                                    wire::AgentStateT state,
                                    Clock::TimePoint now) {
  HeartbeatOutcome outcome;
  const std::string agent = state.agent;
  Node& node = nodes_[agent];
  // An older message of the same run that was overtaken tells nothing new.
  const bool stale = node.state.started_ms == state.started_ms &&
                     state.sequence <= node.state.sequence && node.seen_at != Clock::TimePoint{};
  if (stale) return outcome;
  std::set<std::string> listed;
  for (const auto& held : state.leases) {
    if (!held) continue;
    listed.insert(held->lease);
    const auto found = leases_.find(held->lease);
    if (found != leases_.end() && found->second.agent == agent) {
      note_progress(found->second, *held, now);
    } else if (held->phase != wire::LeasePhase::reported) {
      outcome.stop.push_back({agent, held->slot, held->lease, "the lease has ended"});
    }
  }
  const auto resend_after = std::min(options_.heartbeat * 2, std::chrono::milliseconds(10'000));
  for (auto seat = seats_.lower_bound({agent, 0});
       seat != seats_.end() && seat->first.first == agent; ++seat) {
    const Lease& lease = leases_.at(seat->second);
    const bool known = listed.contains(lease.id) || lease.phase == wire::LeasePhase::reported;
    if (!known && now - lease.sent_at >= resend_after) outcome.resend.push_back(lease.id);
  }
  node.owner = owner;
  node.seen_at = now;
  node.scenes = {state.scenes.begin(), state.scenes.end()};
  node.state = std::move(state);
  if (!node.state.capabilities) node.state.capabilities = std::make_unique<wire::CapabilitiesT>();
  return outcome;
}

bool Economy::online(const Node& node, Clock::TimePoint now) const {
  return now - node.seen_at <= options_.heartbeat * 3 + std::chrono::seconds(2);
}

bool Economy::occupied(const std::string& agent, std::uint32_t slot) const {
  const auto seat = seats_.find({agent, slot});
  return seat != seats_.end() && leases_.at(seat->second).phase != wire::LeasePhase::reported;
}

std::vector<Economy::Seat> Economy::free_seats(Clock::TimePoint now) const {
  std::vector<Seat> seats;
  for (const auto& [agent, node] : nodes_) {
    if (!online(node, now) || node.state.draining) continue;
    std::set<std::uint32_t> slots(node.state.free_slots.begin(), node.state.free_slots.end());
    for (std::uint32_t slot : slots) {
      if (slot < 64 && !occupied(agent, slot)) seats.push_back({&agent, &node, slot});
    }
  }
  return seats;
}

std::string Economy::why_not(const Job& job, const Node& node) {
  const auto& can = *node.state.capabilities;
  const auto& needs = *job.manifest.requirements;
  if (!needs.blender.empty() && !version_at_least(can.blender, needs.blender)) {
    return "the scene needs Blender " + needs.blender + ", the agent has " + can.blender;
  }
  if (std::ranges::find(can.engines, needs.engine) == can.engines.end()) {
    return std::string("the agent cannot render with ") + wire::EnumNameEngine(needs.engine);
  }
  for (const auto& feature : needs.features) {
    if (!contains(can.features, feature)) return "the agent's Blender lacks " + feature;
  }
  if (needs.memory_bytes > can.memory_bytes) return "the agent has too little memory";
  return {};
}

bool Economy::wants_replica(const Unit& unit, Clock::TimePoint now) const {
  return unit.opinions.size() + unit.leases.size() < unit.wanted && unit.held_until <= now;
}

std::vector<WantedUnits> Economy::wanted_units(Clock::TimePoint now) const {
  std::vector<WantedUnits> wanted;
  std::vector<Seat> seats = free_seats(now);
  // A seat that an open unit could use is not a reason to open another one.
  for (const auto& [id, unit] : units_) {
    if (!jobs_.contains(unit.job) || !wants_replica(unit, now)) continue;
    auto missing = unit.wanted - unit.opinions.size() - unit.leases.size();
    std::set<std::string> owners = unit.owners;
    std::erase_if(seats, [&](const Seat& seat) {
      if (missing == 0 || owners.contains(seat.node->owner)) return false;
      if (!why_not(jobs_.at(unit.job), *seat.node).empty()) return false;
      --missing;
      owners.insert(seat.node->owner);
      return true;
    });
  }
  for (const auto& id : job_order_) {
    const Job& job = jobs_.at(id);
    const std::uint32_t total = messages::frame_count(job.manifest);
    if (job.frames_made >= total) continue;
    const auto able =
        std::erase_if(seats, [&](const Seat& seat) { return why_not(job, *seat.node).empty(); });
    const auto count =
        std::min<std::uint32_t>(total - job.frames_made, static_cast<std::uint32_t>(able));
    if (count > 0) wanted.push_back({id, job.frames_made, count});
  }
  return wanted;
}

std::optional<std::size_t> Economy::choose_seat(const Unit& unit,
                                                const Job& job,
                                                const std::vector<Seat>& seats) {
  // Best group first: has the scene and gave no void result here; then without the scene; then the
  // void owners.
  std::vector<std::size_t> groups[3];
  for (std::size_t i = 0; i < seats.size(); ++i) {
    const Node& node = *seats[i].node;
    if (unit.owners.contains(node.owner) || !why_not(job, node).empty()) continue;
    const bool voided = unit.void_owners.contains(node.owner);
    groups[voided ? 2 : node.scenes.contains(job.manifest.scene->sha256) ? 0 : 1].push_back(i);
  }
  for (const auto& group : groups) {
    if (!group.empty()) return group[draw_(group.size())];
  }
  return std::nullopt;
}

std::vector<Lease> Economy::match(Clock::TimePoint now) {
  std::vector<Lease> grants;
  std::vector<Seat> seats = free_seats(now);
  for (auto& [id, unit] : units_) {
    const Job* job = this->job(unit.job);
    while (job != nullptr && wants_replica(unit, now)) {
      const auto chosen = choose_seat(unit, *job, seats);
      if (!chosen) break;
      const Seat seat = seats[*chosen];
      seats.erase(seats.begin() + static_cast<std::ptrdiff_t>(*chosen));
      Lease lease;
      lease.id = new_id();
      lease.unit = id;
      lease.agent = *seat.agent;
      lease.owner = seat.node->owner;
      lease.slot = seat.slot;
      lease.sent_at = now;
      lease.expires_at = now + options_.lease_initial;
      add_lease(lease);
      grants.push_back(std::move(lease));
      const auto hold = static_cast<std::uint64_t>(options_.sibling_hold.count());
      if (hold > 0) unit.held_until = now + std::chrono::milliseconds(draw_(hold + 1));
    }
  }
  return grants;
}

Reported Economy::reported(const std::string& lease_id,
                           const std::string& owner,
                           UnitId unit_id,
                           bool counts) {
  Reported outcome;
  forget_lease(lease_id);
  const auto entry = units_.find(unit_id);
  if (entry == units_.end()) return outcome;
  Unit& unit = entry->second;
  if (counts) {
    unit.opinions.insert(lease_id);
    unit.owners.insert(owner);
    // A late result of an expired lease: the same owner's newer lease could add nothing.
    const std::set<std::string> leases = unit.leases;
    for (const auto& other : leases) {
      const Lease lease = leases_.at(other);
      if (lease.owner != owner) continue;
      outcome.stop.push_back(
          {lease.agent, lease.slot, other, "an earlier result of yours arrived"});
      forget_lease(other);
    }
    return outcome;
  }
  unit.voids.insert(lease_id);
  unit.owners.erase(owner);
  unit.void_owners.insert(owner);
  const Job* job = this->job(unit.job);
  if (job != nullptr && unit.voids.size() > job->manifest.policy->max_replicas) {
    outcome.failed = UnitFailure{unit_id, std::to_string(unit.voids.size()) +
                                              " results could not be used as images of this frame"};
  }
  return outcome;
}

void Economy::want(UnitId id, std::uint32_t opinions) {
  const auto found = units_.find(id);
  if (found == units_.end() || found->second.wanted >= opinions) return;
  found->second.wanted = opinions;
  found->second.held_until = {};
}

Expired Economy::expire(Clock::TimePoint now) {
  Expired outcome;
  for (const auto& [id, lease] : leases_) {
    if (lease.expires_at <= now) outcome.leases.push_back(id);
  }
  for (const auto& id : outcome.leases) {
    const Lease lease = leases_.at(id);
    outcome.stop.push_back({lease.agent, lease.slot, id, "no progress within the lease's time"});
    cancel(id);
    const auto unit = units_.find(lease.unit);
    if (unit == units_.end()) continue;
    if (++unit->second.expiries > options_.max_expiries) {
      outcome.failed.push_back(
          {lease.unit, std::to_string(unit->second.expiries) + " leases ran out without a result"});
    }
  }
  return outcome;
}

void Economy::sent(const std::string& lease, Clock::TimePoint now) {
  if (const auto found = leases_.find(lease); found != leases_.end()) found->second.sent_at = now;
}

std::vector<Lease> Economy::take_dirty() {
  std::vector<Lease> out;
  for (auto& [id, lease] : leases_) {
    if (!std::exchange(lease.dirty, false)) continue;
    out.push_back(lease);
  }
  return out;
}

std::string Economy::waiting(const std::string& id, Clock::TimePoint now) const {
  const Job* found = job(id);
  if (found == nullptr) return {};
  std::string reason = "no agent is connected";
  std::set<std::string> owners;
  for (const auto& [agent, node] : nodes_) {
    if (!online(node, now)) continue;
    const std::string problem = why_not(*found, node);
    if (problem.empty()) owners.insert(node.owner);
    if (!problem.empty()) reason = problem;
  }
  if (owners.empty()) return reason;
  for (const auto& [unit_id, unit] : units_) {
    if (unit.job != id || !unit.leases.empty() || unit.opinions.size() >= unit.wanted) continue;
    const bool anybody = std::ranges::any_of(
        owners, [&](const auto& owner) { return !unit.owners.contains(owner); });
    if (!anybody) {
      return "frame " + std::to_string(unit.frame) + " needs another volunteer: all " +
             std::to_string(owners.size()) + " that are connected have rendered it";
    }
  }
  return {};
}

std::uint32_t Economy::nodes_online(Clock::TimePoint now) const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(nodes_, [&](const auto& entry) { return online(entry.second, now); }));
}

std::vector<std::string> Economy::job_ids() const { return job_order_; }

}  // namespace worldshare::dispatcher
