#include "tests/bench/trust/simulation.h"

#include <algorithm>

namespace trust_bench {

namespace {

constexpr double kWorkSigma = 0.6;
constexpr double kPatience = 1;       // renders that a request waits for a partner who is trusted
constexpr double kLongestDrain = 80;  // renders after the last unit was opened
constexpr int kRequestDraws = 6;
constexpr double kWhitewash = 5;

}  // namespace

Simulation::Simulation(const Model& model, Rule& rule) : world_(model, rule), trial_(world_) {
  const auto malicious = static_cast<std::uint32_t>(model.malicious * model.slots);
  for (std::uint32_t i = 0; i < model.slots; ++i) {
    world_.slots[i].identity = world_.people.add(i < malicious);
  }
}

Figures Simulation::run() {
  for (std::uint32_t slot = 0; slot < world_.slots.size(); ++slot) assign(slot);
  double last_opened = 0;
  while (!events_.empty()) {
    const Event event = events_.top();
    if (world_.units.size() < world_.model.units) last_opened = event.time;
    if (world_.units.size() >= world_.model.units && world_.open_units == 0) break;
    if (event.time > last_opened + kLongestDrain) break;
    events_.pop();
    world_.now = event.time;
    handle(event);
  }
  for (const Unit& unit : world_.units) {
    world_.figures.units += unit.closed_once;
    world_.figures.wrong_at_end += unit.closed_once && unit.wrong;
  }
  for (const Identity& one : world_.people.all()) {
    world_.figures.cheaters += one.bad_results > 0;
    world_.figures.bad_results += one.bad_results;
    if (!one.good()) continue;
    ++world_.figures.good_identities;
    world_.figures.good_tasks += one.tasks_done;
    world_.figures.good_excluded += one.excluded;
  }
  return std::move(world_.figures);
}

void Simulation::handle(const Event& event) {
  switch (event.task) {
    case Task::kReplica: return finish_replica(event);
    case Task::kCanary:
      finish_canary(world_.slots[event.slot].identity);
      trial_.retry_units_of_excluded();
      return free_slot(event.slot);
    case Task::kNoShow: return free_slot(event.slot);
    case Task::kDeadline: --world_.units[event.unit].evidence.pending; return advance(event.unit);
    case Task::kReturn:
      world_.slots[event.slot].identity = world_.people.add(true);
      return assign(event.slot);
  }
}

double Simulation::replica_cost() const { return world_.rule.split() ? world_.model.half_cost : 1; }

double Simulation::duration(std::uint32_t slot) {
  return world_.people[world_.slots[slot].identity].speed * world_.random.lognormal(kWorkSigma);
}

void Simulation::assign(std::uint32_t slot) {
  const bool all_open = world_.units.size() >= world_.model.units;
  if (!all_open && world_.random.chance(world_.rule.canary_rate())) return start_canary(slot);
  if (take_request(slot)) return;
  if (!all_open) return open_unit(slot);
  world_.slots[slot].idle = true;
  idle_.push_back(slot);
}

bool Simulation::fits(const Request& request, std::uint32_t identity) {
  const Unit& unit = world_.units[request.unit];
  return unit.open &&
         world_.rule.may_replicate(identity, unit.evidence, world_.now - request.since > kPatience);
}

bool Simulation::take_request(std::uint32_t slot) {
  const std::uint32_t identity = world_.slots[slot].identity;
  const bool choosy = world_.model.self_selection && world_.people[identity].malicious;
  for (int draw = 0; draw < (choosy ? 64 : kRequestDraws) && !world_.requests.empty(); ++draw) {
    const std::uint32_t at = world_.random.index(world_.requests.size());
    const Request request = world_.requests[at];
    if (choosy && draw < 56 && world_.units[request.unit].colluders == 0) continue;
    if (!fits(request, identity)) continue;
    world_.requests[at] = world_.requests.back();
    world_.requests.pop_back();
    lease(slot, request.unit);
    return true;
  }
  return false;
}

void Simulation::open_unit(std::uint32_t slot) {
  const auto unit = static_cast<std::uint32_t>(world_.units.size());
  Unit& fresh = world_.units.emplace_back();
  fresh.evidence.chance = world_.random.uniform();
  fresh.opened = static_cast<float>(world_.now);
  ++world_.open_units;
  const Step first = world_.rule.decide(fresh.evidence);
  ++world_.figures.decisions;
  const std::uint32_t more =
      world_.rule.more_copies(world_.slots[slot].identity, world_.random.uniform());
  fresh.evidence.pending = first.count + more;
  lease(slot, unit);
  world_.requests.insert(world_.requests.end(), first.count + more - 1,
                         {unit, static_cast<float>(world_.now)});
}

void Simulation::lease(std::uint32_t slot, std::uint32_t unit) {
  const Identity& who = world_.people[world_.slots[slot].identity];
  const bool lost = world_.random.chance(world_.model.no_show);
  const double time = duration(slot) * replica_cost();
  world_.figures.renders += lost ? replica_cost() / 2 : replica_cost();
  if (!lost) {
    world_.units[unit].colluders += who.malicious;
    events_.push({world_.now + time, slot, unit, Task::kReplica});
    return;
  }
  world_.rule.missed_deadline(world_.slots[slot].identity);
  events_.push({world_.now + time / 2, slot, unit, Task::kNoShow});
  events_.push({world_.now + world_.model.deadline, slot, unit, Task::kDeadline});
}

void Simulation::start_canary(std::uint32_t slot) {
  world_.figures.renders += 1;
  events_.push({world_.now + duration(slot), slot, 0, Task::kCanary});
}

void Simulation::finish_canary(std::uint32_t identity) {
  Identity& who = world_.people[identity];
  if (who.excluded) return;
  const bool quorum_only = world_.model.attack == Attack::kQuorumOnly;
  const auto some_hash = static_cast<std::uint64_t>(world_.random.uniform() * 0x1p64);
  const bool cheats = !quorum_only && world_.studio.wants_to_cheat(who, some_hash);
  who.bad_results += cheats;
  const bool sensitive = world_.random.chance(world_.model.class_sensitive);
  const Picture own = cheats ? world_.studio.cheat() : world_.studio.honest(who, sensitive);
  const bool on_gpu = world_.random.chance(world_.model.gpu);
  const auto right = sensitive && !on_gpu ? Picture::kRightOnCpu : Picture::kRight;
  trial_.exclude(world_.rule.canary(identity, own.content == right));
}

bool Simulation::cheats(const Identity& who, std::uint32_t unit) {
  const Unit& at = world_.units[unit];
  if (!who.malicious) return false;
  if (world_.model.attack == Attack::kQuorumOnly) {
    return (at.colluders > 1 || at.colluded) && !at.honest_answer;
  }
  return world_.studio.wants_to_cheat(who, hash(unit, world_.model.seed));
}

void Simulation::finish_replica(const Event& event) {
  const std::uint32_t identity = world_.slots[event.slot].identity;
  Identity& who = world_.people[identity];
  Unit& unit = world_.units[event.unit];
  --unit.evidence.pending;
  if (unit.open && !who.excluded) {
    const bool sensitive =
        to_unit(hash(event.unit, ~world_.model.seed)) < world_.model.class_sensitive;
    const bool cheat = cheats(who, event.unit);
    const Picture picture = cheat ? world_.studio.cheat() : world_.studio.honest(who, sensitive);
    const bool refused = picture.wrong && !cheat && world_.random.chance(world_.model.sanity);
    if (!refused) submit(identity, event.unit, picture);
  }
  if (unit.open) advance(event.unit);
  free_slot(event.slot);
}

void Simulation::submit(std::uint32_t identity, std::uint32_t unit, const Picture& picture) {
  Unit& at = world_.units[unit];
  const auto range = static_cast<std::uint32_t>(at.evidence.submissions.size());
  at.evidence.submissions.push_back(
      {.identity = identity, .cluster = cluster_of(at, picture), .range = range});
  at.pictures.push_back(picture);
  at.colluded |= picture.cheat;
  at.honest_answer |= !picture.cheat;
  world_.people[identity].bad_results += picture.cheat;
  if (world_.units_of.size() <= identity) world_.units_of.resize(world_.people.all().size());
  world_.units_of[identity].push_back(unit);
}

std::uint32_t Simulation::cluster_of(const Unit& unit, const Picture& picture) {
  if (!world_.rule.split()) return picture.content;
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < unit.pictures.size(); ++i) {
    const std::uint32_t cluster = unit.evidence.submissions[i].cluster;
    if (cluster == next && world_.studio.alike(unit.pictures[i], picture, true)) return cluster;
    next = std::max(next, cluster + 1);
  }
  return next;
}

void Simulation::free_slot(std::uint32_t slot) {
  Identity& who = world_.people[world_.slots[slot].identity];
  ++who.tasks_done;
  const bool leaves = who.tasks_left-- <= 1;
  if (who.excluded) {
    const bool cheater = who.malicious;
    if (world_.model.whitewash && cheater) {
      events_.push({world_.now + kWhitewash, slot, 0, Task::kReturn});
      return;
    }
    world_.slots[slot].identity = world_.people.add(world_.random.chance(world_.model.malicious));
  } else if (leaves) {
    world_.slots[slot].identity = world_.people.add(who.malicious);
  }
  assign(slot);
}

void Simulation::wake() {
  for (std::size_t tries = idle_.size(); tries > 0 && !world_.requests.empty(); --tries) {
    const std::uint32_t at = world_.random.index(idle_.size());
    const std::uint32_t slot = idle_[at];
    if (!take_request(slot)) {
      if (tries + 20 < idle_.size()) return;
      continue;
    }
    idle_[at] = idle_.back();
    idle_.pop_back();
    world_.slots[slot].idle = false;
  }
}

void Simulation::advance(std::uint32_t unit) {
  trial_.advance(unit);
  if (!idle_.empty()) wake();
}

}  // namespace trust_bench
