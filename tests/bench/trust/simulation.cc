#include "tests/bench/trust/simulation.h"

#include <algorithm>
#include <array>

namespace trust_bench {

using worldshare::verifier::policy::Act;
using worldshare::verifier::policy::Submission;

namespace {

constexpr double kWorkSigma = 0.6;
constexpr double kPatience = 1;       // renders that a request waits for a partner who is trusted
constexpr double kLongestDrain = 80;  // renders after the last unit was opened
constexpr int kRequestDraws = 6;
constexpr std::size_t kAuditorDraws = 4;
constexpr double kWhitewash = 5;

}  // namespace

Simulation::Simulation(const Model& model, Rule& rule)
    : model_(model),
      rule_(rule),
      random_(model.seed),
      people_(model_, random_),
      studio_(model_, random_),
      slots_(model.slots) {
  units_.reserve(model.units);
  const auto malicious = static_cast<std::uint32_t>(model.malicious * model.slots);
  for (std::uint32_t i = 0; i < model.slots; ++i) slots_[i].identity = people_.add(i < malicious);
}

Figures Simulation::run() {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) assign(slot);
  double last_opened = 0;
  while (!events_.empty()) {
    const Event event = events_.top();
    if (units_.size() < model_.units) last_opened = event.time;
    if (units_.size() >= model_.units && open_units_ == 0) break;
    if (event.time > last_opened + kLongestDrain) break;
    events_.pop();
    now_ = event.time;
    handle(event);
  }
  for (const Unit& unit : units_) {
    figures_.units += unit.closed_once;
    figures_.wrong_at_end += unit.closed_once && unit.wrong;
  }
  for (const Identity& one : people_.all()) {
    figures_.cheaters += one.bad_results > 0;
    figures_.bad_results += one.bad_results;
    if (!one.good()) continue;
    ++figures_.good_identities;
    figures_.good_tasks += one.tasks_done;
    figures_.good_excluded += one.excluded;
  }
  return std::move(figures_);
}

void Simulation::handle(const Event& event) {
  switch (event.task) {
    case Task::kReplica: return finish_replica(event);
    case Task::kCanary:
      finish_canary(slots_[event.slot].identity);
      retry_units_of_excluded();
      return free_slot(event.slot);
    case Task::kNoShow: return free_slot(event.slot);
    case Task::kDeadline: --units_[event.unit].evidence.pending; return advance(event.unit);
    case Task::kReturn: slots_[event.slot].identity = people_.add(true); return assign(event.slot);
  }
}

double Simulation::replica_cost() const { return rule_.split() ? model_.half_cost : 1; }

double Simulation::duration(std::uint32_t slot) {
  return people_[slots_[slot].identity].speed * random_.lognormal(kWorkSigma);
}

void Simulation::assign(std::uint32_t slot) {
  const bool all_open = units_.size() >= model_.units;
  if (!all_open && random_.chance(rule_.canary_rate())) return start_canary(slot);
  if (take_request(slot)) return;
  if (!all_open) return open_unit(slot);
  slots_[slot].idle = true;
  idle_.push_back(slot);
}

bool Simulation::fits(const Request& request, std::uint32_t identity) {
  const Unit& unit = units_[request.unit];
  return unit.open &&
         rule_.may_replicate(identity, unit.evidence, now_ - request.since > kPatience);
}

bool Simulation::take_request(std::uint32_t slot) {
  const std::uint32_t identity = slots_[slot].identity;
  const bool choosy = model_.self_selection && people_[identity].malicious;
  for (int draw = 0; draw < (choosy ? 64 : kRequestDraws) && !requests_.empty(); ++draw) {
    const std::uint32_t at = random_.index(requests_.size());
    const Request request = requests_[at];
    if (choosy && draw < 56 && units_[request.unit].colluders == 0) continue;
    if (!fits(request, identity)) continue;
    requests_[at] = requests_.back();
    requests_.pop_back();
    lease(slot, request.unit);
    return true;
  }
  return false;
}

void Simulation::open_unit(std::uint32_t slot) {
  const auto unit = static_cast<std::uint32_t>(units_.size());
  Unit& fresh = units_.emplace_back();
  fresh.evidence.chance = random_.uniform();
  fresh.opened = static_cast<float>(now_);
  ++open_units_;
  const Step first = rule_.decide(fresh.evidence);
  ++figures_.decisions;
  const std::uint32_t more = rule_.more_copies(slots_[slot].identity, random_.uniform());
  fresh.evidence.pending = first.count + more;
  lease(slot, unit);
  request(unit, first.count + more - 1);
}

void Simulation::lease(std::uint32_t slot, std::uint32_t unit) {
  const Identity& who = people_[slots_[slot].identity];
  const bool lost = random_.chance(model_.no_show);
  const double time = duration(slot) * replica_cost();
  figures_.renders += lost ? replica_cost() / 2 : replica_cost();
  if (!lost) {
    units_[unit].colluders += who.malicious;
    events_.push({now_ + time, slot, unit, Task::kReplica});
    return;
  }
  rule_.missed_deadline(slots_[slot].identity);
  events_.push({now_ + time / 2, slot, unit, Task::kNoShow});
  events_.push({now_ + model_.deadline, slot, unit, Task::kDeadline});
}

void Simulation::start_canary(std::uint32_t slot) {
  figures_.renders += 1;
  events_.push({now_ + duration(slot), slot, 0, Task::kCanary});
}

void Simulation::finish_canary(std::uint32_t identity) {
  Identity& who = people_[identity];
  if (who.excluded) return;
  const bool quorum_only = model_.attack == Attack::kQuorumOnly;
  const auto some_hash = static_cast<std::uint64_t>(random_.uniform() * 0x1p64);
  const bool cheats = !quorum_only && studio_.wants_to_cheat(who, some_hash);
  who.bad_results += cheats;
  const bool sensitive = random_.chance(model_.class_sensitive);
  const Picture own = cheats ? studio_.cheat() : studio_.honest(who, sensitive);
  const bool on_gpu = random_.chance(model_.gpu);
  const auto right = sensitive && !on_gpu ? Picture::kRightOnCpu : Picture::kRight;
  exclude(rule_.canary(identity, own.content == right));
}

bool Simulation::cheats(const Identity& who, std::uint32_t unit) {
  const Unit& at = units_[unit];
  if (!who.malicious) return false;
  if (model_.attack == Attack::kQuorumOnly) {
    return (at.colluders > 1 || at.colluded) && !at.honest_answer;
  }
  return studio_.wants_to_cheat(who, hash(unit, model_.seed));
}

void Simulation::finish_replica(const Event& event) {
  const std::uint32_t identity = slots_[event.slot].identity;
  Identity& who = people_[identity];
  Unit& unit = units_[event.unit];
  --unit.evidence.pending;
  if (unit.open && !who.excluded) {
    const bool sensitive = to_unit(hash(event.unit, ~model_.seed)) < model_.class_sensitive;
    const bool cheat = cheats(who, event.unit);
    const Picture picture = cheat ? studio_.cheat() : studio_.honest(who, sensitive);
    const bool refused = picture.wrong && !cheat && random_.chance(model_.sanity);
    if (!refused) submit(identity, event.unit, picture);
  }
  if (unit.open) advance(event.unit);
  free_slot(event.slot);
}

void Simulation::submit(std::uint32_t identity, std::uint32_t unit, const Picture& picture) {
  Unit& at = units_[unit];
  at.evidence.submissions.push_back({.identity = identity, .cluster = cluster_of(at, picture)});
  at.pictures.push_back(picture);
  at.colluded |= picture.cheat;
  at.honest_answer |= !picture.cheat;
  people_[identity].bad_results += picture.cheat;
  if (units_of_.size() <= identity) units_of_.resize(people_.all().size());
  units_of_[identity].push_back(unit);
}

std::uint32_t Simulation::cluster_of(const Unit& unit, const Picture& picture) {
  if (!rule_.split()) return picture.content;
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < unit.pictures.size(); ++i) {
    const std::uint32_t cluster = unit.evidence.submissions[i].cluster;
    if (cluster == next && studio_.alike(unit.pictures[i], picture, true)) return cluster;
    next = std::max(next, cluster + 1);
  }
  return next;
}

void Simulation::free_slot(std::uint32_t slot) {
  Identity& who = people_[slots_[slot].identity];
  ++who.tasks_done;
  const bool leaves = who.tasks_left-- <= 1;
  if (who.excluded) {
    const bool cheater = who.malicious;
    if (model_.whitewash && cheater) {
      events_.push({now_ + kWhitewash, slot, 0, Task::kReturn});
      return;
    }
    slots_[slot].identity = people_.add(random_.chance(model_.malicious));
  } else if (leaves) {
    slots_[slot].identity = people_.add(who.malicious);
  }
  assign(slot);
}

void Simulation::wake() {
  for (std::size_t tries = idle_.size(); tries > 0 && !requests_.empty(); --tries) {
    const std::uint32_t at = random_.index(idle_.size());
    const std::uint32_t slot = idle_[at];
    if (!take_request(slot)) {
      if (tries + 20 < idle_.size()) return;
      continue;
    }
    idle_[at] = idle_.back();
    idle_.pop_back();
    slots_[slot].idle = false;
  }
}

void Simulation::advance(std::uint32_t unit) {
  while (units_[unit].open) {
    const Step step = rule_.decide(units_[unit].evidence);
    ++figures_.decisions;
    if (!carry_out(unit, step)) break;
  }
  retry_units_of_excluded();
  if (!idle_.empty()) wake();
}

bool Simulation::carry_out(std::uint32_t number, const Step& step) {
  Unit& unit = units_[number];
  switch (step.act) {
    case Act::kWait: return false;
    case Act::kAskReplica:
      unit.evidence.pending += step.count;
      request(number, step.count);
      return false;
    case Act::kAudit: audit(unit, step.target); return true;
    case Act::kTrustedAudit: trusted_audit(unit, step.target); return true;
    case Act::kConvict: exclude(rule_.convicted(unit.evidence, step.target)); return true;
    case Act::kTrustedRender: trusted_render(unit); return true;
    case Act::kAccept: accept(number, step); return false;
  }
  return false;
}

void Simulation::request(std::uint32_t unit, std::uint32_t count) {
  requests_.insert(requests_.end(), count, {unit, static_cast<float>(now_)});
}

void Simulation::audit(Unit& unit, std::uint32_t target) {
  std::array<IdentityId, kAuditorDraws> candidates{};
  for (auto& candidate : candidates) candidate = slots_[random_.index(slots_.size())].identity;
  const auto auditor = rule_.choose_auditor(candidates, unit.evidence);
  if (!auditor) return trusted_audit(unit, target);
  figures_.renders += model_.audit_cost;
  Submission& one = unit.evidence.submissions[target];
  (studio_.audit_passes(unit.pictures[target], people_[*auditor]) ? one.passes : one.failures) += 1;
}

void Simulation::trusted_audit(Unit& unit, std::uint32_t target) {
  figures_.renders += model_.audit_cost;
  figures_.trusted += model_.audit_cost;
  Submission& one = unit.evidence.submissions[target];
  (studio_.audit_passes(unit.pictures[target]) ? one.trusted_passes : one.trusted_failures) += 1;
}

void Simulation::trusted_render(Unit& unit) {
  figures_.renders += 1;
  figures_.trusted += 1;
  std::vector<bool> right;
  for (const Picture& picture : unit.pictures)
    right.push_back(picture.content <= Picture::kRightOnCpu);
  unit.evidence.trusted_render = true;
  exclude(rule_.compared(unit.evidence, right));
}

void Simulation::accept(std::uint32_t number, const Step& step) {
  Unit& unit = units_[number];
  unit.open = false;
  --open_units_;
  unit.accepted = step;
  unit.wrong =
      !step.trusted && (unit.pictures[step.target].wrong || unit.pictures[step.partner].wrong);
  if (!unit.closed_once) {
    unit.closed_once = true;
    figures_.wrong_at_acceptance += unit.wrong;
    figures_.latencies.push_back(static_cast<float>(now_) - unit.opened);
  }
  exclude(rule_.accepted(unit.evidence, step));
}

void Simulation::exclude(const Identities& identities) {
  for (const auto identity : identities) {
    Identity& who = people_[identity];
    who.excluded = true;
    if (who.bad_results > 0) figures_.bad_results_to_exclusion.push_back(who.bad_results);
    excluded_.push_back(static_cast<std::uint32_t>(identity));
  }
}

void Simulation::retry_units_of_excluded() {
  while (!excluded_.empty()) {
    const std::uint32_t identity = excluded_.front();
    excluded_.pop_front();
    if (identity >= units_of_.size()) continue;
    const auto units = units_of_[identity];
    for (const std::uint32_t number : units) {
      Unit& unit = units_[number];
      if (unit.open || !rule_.reopens(unit.evidence, unit.accepted)) continue;
      unit.open = true;
      ++open_units_;
      advance(number);
    }
  }
}

}  // namespace trust_bench
