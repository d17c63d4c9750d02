#include "dispatcher/economy/roster.h"

#include <algorithm>
#include <bit>

namespace worldshare::dispatcher {
namespace {

constexpr std::uint32_t kRecordLimit = 64;
constexpr std::uint32_t kUnjudged = 4;  ///< results under way for each lease of a quota

std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << slot; }

std::uint64_t mask_of(const std::vector<std::uint32_t>& slots) {
  std::uint64_t mask = 0;
  for (const std::uint32_t slot : slots) {
    if (slot < Roster::kMaxSlots) mask |= bit(slot);
  }
  return mask;
}

std::uint64_t first_slots(std::uint32_t count) {
  return count >= Roster::kMaxSlots ? ~std::uint64_t{0} : bit(count) - 1;
}

bool gets_work(const Node& node) {
  return node.online && !node.draining && node.standing == Standing::kEnabled;
}

void fade(Record& record) {
  if (record.finished + record.faults < kRecordLimit) return;
  record.finished /= 2;
  record.faults /= 2;
}

}  // namespace

NodeId Roster::enter(const std::string& agent, OwnerId owner) {
  const auto [entry, is_new] = node_of_.try_emplace(agent, static_cast<NodeId>(nodes_.size()));
  if (is_new) {
    nodes_.emplace_back();
    nodes_.back().agent = agent;
    nodes_.back().allowance = options_.heartbeats_per_second;
  }
  if (is_new || nodes_[entry->second].owner != owner) assign(entry->second, owner);
  return entry->second;
}

/// Its seats go to the side of that owner.
void Roster::assign(NodeId id, OwnerId owner) {
  Node& node = nodes_[id];
  withdraw(node, id);
  count_owner(node, false);
  node.owner = owner;
  node.trusted = appointed_.contains(owner);
  offer(id);
}

void Roster::set_trusted(OwnerId owner, bool trusted) {
  const bool changed = trusted ? appointed_.insert(owner).second : appointed_.erase(owner) > 0;
  if (!changed) return;
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].owner == owner) assign(id, owner);
  }
}

std::optional<NodeId> Roster::find(const std::string& agent) const {
  const auto found = node_of_.find(agent);
  return found == node_of_.end() ? std::nullopt : std::optional(found->second);
}

bool Roster::admits(NodeId id, const wire::AgentStateT& state, Clock::TimePoint now) {
  Node& node = nodes_[id];
  // An older message of the same run that was overtaken tells nothing new.
  const bool heard = node.seen_at != Clock::TimePoint{};
  if (heard && node.started_ms == state.started_ms && state.sequence <= node.sequence) return false;
  const double rate = options_.heartbeats_per_second;
  const double rest = std::chrono::duration<double>(now - node.seen_at).count();
  if (heard) node.allowance = std::min(rate, node.allowance + std::clamp(rest, 0.0, 1.0) * rate);
  if (node.allowance < 1) return false;
  node.allowance -= 1;
  return true;
}

std::vector<SceneId> Roster::known_scenes(const std::vector<std::string>& scenes) const {
  std::vector<SceneId> known;
  for (std::size_t i = 0; i < std::min(scenes.size(), kMaxScenes); ++i) {
    const auto found = scenes_.find(scenes[i]);
    if (found != scenes_.end()) known.push_back(found->second.first);
  }
  std::ranges::sort(known);
  known.erase(std::ranges::unique(known).begin(), known.end());
  return known;
}

void Roster::add_kind(std::vector<SeatKind>& kinds, const Offer& offer, std::uint64_t slots) {
  const auto capability = book_.enter(offer);
  if (!capability) return;
  const auto same = std::ranges::find(kinds, *capability, &SeatKind::capability);
  if (same == kinds.end() && kinds.size() < kMaxKinds) {
    kinds.push_back({*capability, slots});
    return;
  }
  if (same != kinds.end()) same->slots |= slots;
  book_.leave(*capability);
}

/// One use of its class for each kind.
std::vector<SeatKind> Roster::enter_kinds(const Node& node, const wire::AgentStateT& state) {
  const auto said = state.capabilities ? *state.capabilities : wire::CapabilitiesT{};
  const Offer all{said, node.labels, state.awake_seconds};
  std::vector<SeatKind> kinds;
  std::uint64_t rest = said.devices.empty() ? ~std::uint64_t{0} : first_slots(state.slots);
  for (std::size_t i = 0; i < std::min<std::size_t>(said.devices.size(), kMaxSlots); ++i) {
    const wire::DeviceT& device = *said.devices[i];
    const std::uint64_t slots = mask_of(device.slots) & rest;
    if (slots == 0) continue;
    rest &= ~slots;
    Offer offer = all;
    offer.can.render_class = device.render_class;
    offer.can.engines = device.engines;
    offer.can.memory_bytes = device.memory_bytes;
    add_kind(kinds, offer, slots);
  }
  if (rest != 0) add_kind(kinds, all, rest);
  return kinds;
}

void Roster::set_kinds(Node& node, NodeId id, const wire::AgentStateT& state) {
  auto kinds = enter_kinds(node, state);
  if (kinds != node.kinds) {
    withdraw(node, id);
    count_owner(node, false);
    std::swap(node.kinds, kinds);
  }
  for (const auto& kind : kinds) book_.leave(kind.capability);
}

std::optional<ClassId> Roster::capability(Seat seat) const {
  if (seat.slot >= kMaxSlots) return std::nullopt;
  for (const auto& kind : nodes_[seat.node].kinds) {
    if ((kind.slots & bit(seat.slot)) != 0) return kind.capability;
  }
  return std::nullopt;
}

void Roster::hear(NodeId id, const wire::AgentStateT& state, Clock::TimePoint now) {
  Node& node = nodes_[id];
  set_kinds(node, id, state);
  set_presence(id, true, now);
  if (auto scenes = known_scenes(state.scenes); scenes != node.scenes) {
    withdraw(node, id);
    node.scenes = std::move(scenes);
  }
  node.started_ms = state.started_ms;
  node.sequence = state.sequence;
  node.draining = state.draining;
  node.shared_tickets = state.shared_tickets;
  node.slots = std::min(state.slots, kMaxSlots);
  node.free_slots = mask_of(state.free_slots);
  offer(id);
}

void Roster::count_owner(Node& node, bool counts) {
  if (counts == node.counted) return;
  node.counted = counts;
  const int change = counts ? 1 : -1;
  for (const auto& kind : node.kinds) {
    auto& all = side_of(node).owners;
    auto& owners = all[kind.capability];
    auto& count = owners[node.owner];
    count = static_cast<std::uint32_t>(static_cast<int>(count) + change);
    if (count > 0) continue;
    owners.erase(node.owner);
    if (owners.empty()) all.erase(kind.capability);
  }
}

void Roster::set_presence(NodeId id, bool online, Clock::TimePoint now) {
  Node& node = nodes_[id];
  if (node.online) presence_.erase({node.seen_at, id});
  node.online = online;
  if (!online) return;
  node.seen_at = now;
  presence_.insert({now, id});
}

void Roster::mark_silent(Clock::TimePoint now) {
  while (!presence_.empty() && now - presence_.begin()->first > options_.silence) {
    const NodeId id = presence_.begin()->second;
    set_presence(id, false, now);
    silent_.push_back(nodes_[id].agent);
    offer(id);
  }
}

std::uint32_t Roster::quota(const Node& node) const {
  const Record& record = node.record;
  const std::int64_t earned = std::int64_t{options_.first_quota} +
                              2 * std::int64_t{record.finished} - 2 * std::int64_t{record.faults};
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(earned, 1, kMaxSlots));
}

std::uint64_t Roster::wanted_seats(const Node& node) const {
  if (!gets_work(node)) return 0;
  std::uint64_t able = 0;
  for (const auto& kind : node.kinds) able |= kind.slots;
  std::uint64_t free = node.free_slots & ~node.occupied & able;
  const auto in_work = static_cast<std::uint32_t>(std::popcount(node.occupied));
  const std::uint32_t limit = quota(node);
  // Only the trust engine knows whether there are results.
  if (node.unjudged >= kUnjudged * limit) return 0;
  std::uint64_t seats = 0;
  for (std::uint32_t i = in_work; i < limit && free != 0; ++i) {
    seats |= free & (~free + 1);
    free &= free - 1;
  }
  return seats;
}

void Roster::offer(NodeId id) {
  Node& node = nodes_[id];
  count_owner(node, gets_work(node));
  const std::uint64_t wanted = wanted_seats(node);
  std::uint64_t changes = wanted ^ node.offered;
  for (; changes != 0; changes &= changes - 1) {
    const auto slot = static_cast<std::uint32_t>(std::countr_zero(changes));
    if ((wanted & bit(slot)) != 0) {
      side_of(node).seats.put({id, slot}, node.owner, *capability({id, slot}), node.scenes);
    } else {
      side_of(node).seats.take({id, slot});
    }
  }
  node.offered = wanted;
}

void Roster::withdraw(Node& node, NodeId id) {
  for (; node.offered != 0; node.offered &= node.offered - 1)
    side_of(node).seats.take({id, static_cast<std::uint32_t>(std::countr_zero(node.offered))});
}

void Roster::occupy(NodeId id, std::uint32_t slot, const std::string& lease) {
  Node& node = nodes_[id];
  std::erase_if(node.held, [&](const auto& entry) { return entry.first == slot; });
  node.held.emplace_back(slot, lease);
  if (slot < kMaxSlots) node.occupied |= bit(slot);
  offer(id);
}

void Roster::note_report(NodeId id, std::uint32_t slot, const std::string& lease) {
  Node& node = nodes_[id];
  ++node.unjudged;
  if (std::ranges::find(node.held, std::pair(slot, lease)) == node.held.end()) return;
  if (slot < kMaxSlots) node.occupied &= ~bit(slot);
  offer(id);
}

void Roster::release(NodeId id, std::uint32_t slot, const std::string& lease, bool reported) {
  Node& node = nodes_[id];
  if (reported) --node.unjudged;
  const bool held = std::erase(node.held, std::pair(slot, lease)) > 0;
  if (held && slot < kMaxSlots) node.occupied &= ~bit(slot);
  if (held || reported) offer(id);
}

void Roster::reset() {
  scenes_.clear();
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    withdraw(nodes_[id], id);
    nodes_[id].held.clear();
    nodes_[id].scenes.clear();
    nodes_[id].occupied = 0;
    nodes_[id].unjudged = 0;
    offer(id);
  }
}

void Roster::set_standing(NodeId id, Standing standing, const std::string& reason) {
  Node& node = nodes_[id];
  if (standing == Standing::kEnabled && node.standing != standing) node.record = {};
  node.standing = standing;
  node.reason = reason;
  offer(id);
}

void Roster::set_labels(NodeId id, std::vector<std::string> labels) {
  nodes_[id].labels = std::move(labels);
}

void Roster::note_finished(NodeId id) {
  fade(nodes_[id].record);
  ++nodes_[id].record.finished;
  offer(id);
}

bool Roster::note_fault(NodeId id) {
  Node& node = nodes_[id];
  fade(node.record);
  const Record& record = node.record;
  ++node.record.faults;
  const bool drain = node.standing == Standing::kEnabled &&
                     record.faults >= options_.drain_faults && record.faults >= record.finished;
  if (drain) {
    set_standing(id, Standing::kDrained,
                 std::to_string(record.faults) +
                     " units failed on this agent and were finished by " + "others; it finished " +
                     std::to_string(record.finished) + " in that time");
  }
  offer(id);
  return drain;
}

SceneId Roster::add_scene(const std::string& sha256) {
  const auto [entry, is_new] = scenes_.try_emplace(sha256, next_scene_, 0);
  if (is_new) ++next_scene_;
  ++entry->second.second;
  return entry->second.first;
}

void Roster::drop_scene(const std::string& sha256) {
  const auto found = scenes_.find(sha256);
  if (found != scenes_.end() && --found->second.second == 0) scenes_.erase(found);
}

const Roster::Owners& Roster::owners(const Side& side, ClassId capability) {
  static const Owners nobody;
  const auto found = side.owners.find(capability);
  return found == side.owners.end() ? nobody : found->second;
}

}  // namespace worldshare::dispatcher
