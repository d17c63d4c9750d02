#include "dispatcher/economy/economy.h"

#include <algorithm>

#include "shared/messages/manifest.h"

// Jobs and units. Leases: leases.cc; who gets what: matching.cc; who audits
// it: auditors.cc; words for people: outlook.cc.

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::milliseconds kLeastPatience{100};

QueuedJob queued(const Job& job, JobId id, TenantId tenant) {
  QueuedJob out;
  out.id = id;
  out.tenant = tenant;
  out.priority = job.priority;
  out.queued_at = job.queued_at;
  out.not_before = job.not_before;
  out.deadline = job.deadline;
  if (!job.deadline) return out;
  // Due from the moment when one slot alone would have to begin, an hour before the deadline at
  // least.
  const double alone = double{job.manifest.estimate->seconds_per_frame} *
                       messages::frame_count(job.manifest) * job.manifest.policy->replicas;
  const auto lead = std::chrono::seconds(static_cast<std::int64_t>(std::clamp(alone, 3600.0, 1e8)));
  out.due_from = *job.deadline - lead;
  return out;
}

}  // namespace

Economy::Economy(EconomyOptions options, Draw draw)
    : options_(options), draw_(std::move(draw)), roster_(options.roster), queue_(options.queue) {}

void Economy::adopt_nodes(Economy&& other) {
  roster_ = std::move(other.roster_);
  owners_ = std::move(other.owners_);
  malice_ = std::move(other.malice_);
  doubted_ = std::move(other.doubted_);
  counters_ = other.counters_;
  for (const auto& [id, job] : other.jobs_) roster_.book().drop(job.need);
  roster_.reset();
}

void Economy::set_terms(const std::string& tenant, TenantTerms terms) {
  queue_.set_terms(tenants_.number(tenant), terms);
}

Economy::OpenJob* Economy::find_job(const std::string& id) {
  const auto found = job_of_.find(id);
  return found == job_of_.end() ? nullptr : &jobs_.at(found->second);
}

const Economy::OpenJob* Economy::find_job(const std::string& id) const {
  const auto found = job_of_.find(id);
  return found == job_of_.end() ? nullptr : &jobs_.at(found->second);
}

const Job* Economy::job(const std::string& id) const {
  const OpenJob* found = find_job(id);
  return found == nullptr ? nullptr : &found->job;
}

void Economy::add_job(Job job, Clock::TimePoint now) {
  now_ = now;
  if (has_job(job.id)) return change_job(std::move(job), now);
  const JobId id = next_job_++;
  job_of_[job.id] = id;
  OpenJob& open = jobs_[id];
  open.id = id;
  open.scene = roster_.add_scene(job.manifest.scene->sha256);
  open.tenant = tenants_.number(job.tenant);
  open.job = std::move(job);
  open.total = messages::frame_count(open.job.manifest);
  open.cost.emplace(open.job.manifest);
  const Ask ask = ask_of(open);
  open.asked_seconds = ask.unit_seconds;
  open.need = roster_.book().add(ask);
  asking_[open.need].insert(id);
  for (const auto& other : open.job.after) waited_for_[other].insert(open.job.id);
  requeue(open);
}

void Economy::change_job(Job job, Clock::TimePoint now) {
  now_ = now;
  OpenJob* open = find_job(job.id);
  if (open == nullptr) return;
  for (const auto& other : open->job.after) waited_for_[other].erase(job.id);
  for (const auto& other : job.after) waited_for_[other].insert(job.id);
  // The ledger may have read the row before it had what match() decided since.
  job.position = std::max(job.position, open->job.position);
  job.early.merge(open->job.early);
  std::erase_if(job.first, [&](std::int32_t frame) { return job.early.contains(frame); });
  open->job = std::move(job);
  open->total = messages::frame_count(open->job.manifest);
  open->demand.reset();
  requeue(*open);
}

void Economy::prefer(const std::string& id, std::int32_t frame) {
  OpenJob* open = find_job(id);
  if (open == nullptr) return;
  for (const UnitId unit_id : open->units) {
    OpenUnit& unit = units_.at(unit_id);
    if (!messages::has_frame(unit.shard, frame)) continue;
    unlist(*open, unit);
    unit.preferred = true;
    relist(unit);
  }
}

std::vector<StopOrder> Economy::drop_job(const std::string& id, const std::string& reason) {
  std::vector<StopOrder> stop;
  const auto found = job_of_.find(id);
  if (found == job_of_.end()) return stop;
  OpenJob& open = jobs_.at(found->second);
  const std::set<UnitId> units = open.units;
  for (const UnitId unit : units)
    std::ranges::move(close_unit(unit, false, reason).stop, std::back_inserter(stop));
  queue_.remove(open.id);
  forget_need(open);
  roster_.drop_scene(open.job.manifest.scene->sha256);
  for (const auto& other : open.job.after) waited_for_[other].erase(id);
  jobs_.erase(found->second);
  job_of_.erase(found);
  return stop;
}

void Economy::job_completed(const std::string& id) {
  const auto found = waited_for_.find(id);
  if (found == waited_for_.end()) return;
  const std::set<std::string> waiting = std::move(found->second);
  waited_for_.erase(found);
  for (const auto& other : waiting) {
    OpenJob* open = find_job(other);
    if (open == nullptr) continue;
    std::erase(open->job.after, id);
    requeue(*open);
  }
}

bool Economy::can_open(const OpenJob& job) const {
  const bool more = !job.job.first.empty() || job.job.position < job.total;
  return more && job.units.size() < options_.max_open_units;
}

std::optional<Demand> Economy::demand_of(const OpenJob& job) const {
  if (job.job.paused || !job.job.after.empty()) return std::nullopt;
  // However many jobs ask for what nobody has, no decision looks at them.
  if (roster_.book().able(job.need).empty()) return std::nullopt;
  Demand demand{job.need, {}};
  if (can_open(job)) return demand;
  if (job.wanting.empty()) return std::nullopt;
  demand.excluded = job.wanting.useless_to_all();
  return demand;
}

Ask Economy::ask_of(const OpenJob& open) {
  const sharding::FrameCost cost = open.cost->cost();
  Ask ask{*open.job.manifest.requirements, 0};
  if (open.job.manifest.sharding->max_frames > 1)
    ask.needs.features.emplace_back(messages::kSeveralFrames);
  if (cost.frame_seconds > 0) {
    const sharding::Division division = division_of(open);
    ask.unit_seconds = cost.fixed_seconds + cost.frame_seconds * division.frames / division.parts();
  }
  return ask;
}

/// When its units turn out to take longer, or less, than agents were asked for.
void Economy::ask_again(OpenJob& open) {
  const Ask ask = ask_of(open);
  if (ask.unit_seconds < open.asked_seconds * 1.25 && ask.unit_seconds > open.asked_seconds * 0.8)
    return;
  open.asked_seconds = ask.unit_seconds;
  const NeedId fresh = roster_.book().add(ask);
  forget_need(open);
  open.need = fresh;
  asking_[fresh].insert(open.id);
  requeue(open);
}

void Economy::forget_need(const OpenJob& open) {
  roster_.book().drop(open.need);
  const auto found = asking_.find(open.need);
  found->second.erase(open.id);
  if (found->second.empty()) asking_.erase(found);
}

/// Jobs that nobody could serve, and that somebody can now, or the other way round.
void Economy::look_at_needs() {
  for (const NeedId need : roster_.book().take_changed()) {
    const auto found = asking_.find(need);
    if (found == asking_.end()) continue;
    for (const JobId job : found->second) requeue(jobs_.at(job));
  }
}

void Economy::requeue(OpenJob& job) {
  auto demand = demand_of(job);
  if (demand == job.demand && demand.has_value() == queue_.holds(job.id)) return;
  job.demand = demand;
  if (!demand) return queue_.remove(job.id);
  queue_.put(queued(job.job, job.id, job.tenant), std::move(*demand), now_);
}

Economy::OpenUnit* Economy::find_unit(UnitId id) {
  const auto found = units_.find(id);
  return found == units_.end() ? nullptr : &found->second;
}

const Unit* Economy::unit(UnitId id) const {
  const auto found = units_.find(id);
  return found == units_.end() ? nullptr : &found->second;
}

void Economy::unlist(OpenJob& job, OpenUnit& unit) {
  if (!unit.listed) return;
  job.wanting.erase(*unit.listed, {unit.rank, unit.id});
  unit.listed.reset();
}

void Economy::relist(OpenUnit& unit) {
  OpenJob& job = jobs_.at(unit.job_id);
  unlist(job, unit);
  const std::size_t in_work = unit.leases.size() - unit.stragglers - unit.auditing;
  const AuditOrder* audit = next_audit(unit);
  const bool awaits_trusted = !unserved(unit, true).empty();
  await_trusted(unit, awaits_trusted);
  time_audits(unit, audit != nullptr || awaits_trusted);
  const bool wants = unit.opinions.size() + in_work < unit.wanted + (unit.unaudited ? 1 : 0);
  const bool held = wants && unit.held_until > now_;
  if (held) held_.insert({unit.held_until, unit.id});
  if (audit != nullptr || (wants && !held)) {
    // What was rendered is examined before more is: a frame waits for nothing else.
    unit.rank = unit.preferred || audit != nullptr ? 0 : 1;
    unit.listed = useless(unit, audit);
    job.wanting.insert(*unit.listed, {unit.rank, unit.id});
  }
  requeue(job);
}

void Economy::time_audits(OpenUnit& unit, bool waiting) {
  const bool timed = unit.audits_due != Clock::TimePoint{};
  if (waiting == timed) return;
  audits_due_.erase({unit.audits_due, unit.id});
  const auto patience = std::max(options_.audit_patience, kLeastPatience);
  unit.audits_due = waiting ? now_ + patience : Clock::TimePoint{};
  if (waiting) audits_due_.insert({unit.audits_due, unit.id});
}

void Economy::await_trusted(OpenUnit& unit, bool waiting) {
  const bool waited = unit.trusted_since != Clock::TimePoint{};
  if (waiting == waited) return;
  trusted_waits_.erase({unit.trusted_since, unit.id});
  unit.trusted_since = waiting ? now_ : Clock::TimePoint{};
  if (waiting) trusted_waits_.insert({unit.trusted_since, unit.id});
}

/// For volunteers or for trusted hardware: those that nobody works on, the oldest first.
std::vector<const AuditOrder*> Economy::unserved(const OpenUnit& unit, bool trusted) const {
  std::vector<const AuditOrder*> orders;
  if (unit.unaudited) return orders;
  const auto in_work = [&](const AuditOrder& order) {
    return std::ranges::any_of(unit.leases, [&](const auto& id) {
      const auto& audit = leases_.at(id).audit;
      return audit && audit->id == order.id;
    });
  };
  for (const auto& order : unit.audits) {
    if (order.trusted == trusted && !in_work(order)) orders.push_back(&order);
  }
  return orders;
}

/// Of those for volunteers.
const AuditOrder* Economy::next_audit(const OpenUnit& unit) const {
  const auto orders = unserved(unit, false);
  return orders.empty() ? nullptr : orders.front();
}

/// Who cannot do what the unit wants next.
std::vector<OwnerId> Economy::useless(const OpenUnit& unit, const AuditOrder* audit) const {
  if (audit == nullptr) return unit.owners;
  return united(unit.owners, doubted_);
}

void Economy::add_unit(StoredUnit stored) {
  OpenJob* job = find_job(stored.job);
  if (job == nullptr || units_.contains(stored.id)) return;
  OpenUnit& unit = units_[stored.id];
  unit.id = stored.id;
  unit.job = stored.job;
  unit.job_id = job->id;
  unit.shard = stored.shard;
  unit.parts = stored.parts;
  unit.split = stored.split;
  unit.wanted = stored.wanted;
  unit.expiries = stored.expiries;
  unit.reissued = stored.reissued;
  unit.audits = std::move(stored.audits);
  job->units.insert(unit.id);
  for (const auto& report : stored.reports) {
    const OwnerId owner = owners_.number(report.owner);
    if (!report.audit) (report.counts ? unit.opinions : unit.voids).insert(report.lease);
    if (!report.audit && report.counts && report.half) unit.halves[report.lease] = *report.half;
    if (report.trusted) continue;
    insert(report.counts ? unit.owners : unit.void_owners, owner);
    if (report.counts) insert(unit.opinion_owners, owner);
  }
  for (auto& lease : stored.leases) {
    insert_lease(std::move(lease));
    queue_.in_work(job->tenant, 1);
  }
  relist(unit);
}

Closed Economy::close_unit(UnitId id, bool accepted, const std::string& reason) {
  Closed outcome;
  OpenUnit* unit = find_unit(id);
  if (unit == nullptr) return outcome;
  OpenJob& job = jobs_.at(unit->job_id);
  const std::set<std::string> leases = unit->leases;
  const std::set<std::string> troubled = unit->troubled_agents;
  unit->wanted = 0;
  unit->audits.clear();
  for (const auto& lease_id : leases) {
    const Lease& lease = leases_.at(lease_id);
    if (lease.phase != wire::LeasePhase::reported)
      outcome.stop.push_back({lease.agent, lease.slot, lease_id, reason});
    forget_lease(lease_id);
  }
  unlist(job, *unit);
  job.units.erase(id);
  held_.erase({unit->held_until, id});
  audits_due_.erase({unit->audits_due, id});
  trusted_waits_.erase({unit->trusted_since, id});
  units_.erase(id);
  requeue(job);
  if (!accepted) return outcome;
  for (const auto& agent : troubled) {
    const auto node = roster_.find(agent);
    if (!node || !roster_.note_fault(*node)) continue;
    ++counters_.drained;
    outcome.drained.push_back({agent, roster_.node(*node).reason});
  }
  return outcome;
}

void Economy::add_unit_ids(std::vector<UnitId> ids) {
  unit_ids_.insert(unit_ids_.begin(), ids.rbegin(), ids.rend());
}

void Economy::set_standing(const std::string& agent,
                           const std::string& owner,
                           Standing standing,
                           const std::string& reason) {
  roster_.set_standing(roster_.enter(agent, owners_.number(owner)), standing, reason);
}

void Economy::set_labels(const std::string& agent,
                         const std::string& owner,
                         std::vector<std::string> labels) {
  roster_.set_labels(roster_.enter(agent, owners_.number(owner)), std::move(labels));
}

}  // namespace worldshare::dispatcher
