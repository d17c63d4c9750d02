#include <algorithm>
#include <cmath>

#include "dispatcher/economy/economy.h"

// Leases from their grant to their end, and what heartbeats tell of them.

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kMaxStops = 64;  ///< that one heartbeat may cause
constexpr std::uint32_t kFewSamples = 3;
constexpr double kSmallestAudit = 0.05;  ///< of a unit's longest time: a scene is loaded for it too
constexpr std::uint32_t kVoidsOfAnOwner = 4;  ///< that a unit bears on the average

using Leases = std::unordered_map<std::string, Lease>;

/// A replica of the owner came to nothing: another may be given, unless one counts or is in work.
void release_owner(Unit& unit, OwnerId id, const std::string& owner, const Leases& leases) {
  const bool in_work = std::ranges::any_of(unit.leases, [&](const auto& lease) {
    return leases.at(lease).owner == owner && !leases.at(lease).trusted();
  });
  if (in_work || std::ranges::binary_search(unit.opinion_owners, id)) return;
  std::erase(unit.owners, id);
}

/// When even one that shows progress all the time is over, unless it is reported.
Clock::TimePoint longest(const Lease& lease, const EconomyOptions& options) {
  const double part = lease.audit ? std::clamp(lease.audit->cost, kSmallestAudit, 1.0) : 1;
  return lease.granted_at +
         std::chrono::duration_cast<std::chrono::milliseconds>(options.lease_longest * part);
}

}  // namespace

const Lease* Economy::lease(const std::string& id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : &found->second;
}

void Economy::insert_lease(Lease lease) {
  OpenUnit* unit = find_unit(lease.unit);
  if (unit == nullptr || leases_.contains(lease.id)) return;
  const OwnerId owner = owners_.number(lease.owner);
  unit->leases.insert(lease.id);
  if (lease.audit) ++unit->auditing;
  if (!lease.trusted()) insert(unit->owners, owner);
  OpenJob& job = jobs_.at(unit->job_id);
  ++job.leases;
  roster_.occupy(roster_.enter(lease.agent, owner), lease.slot, lease.id);
  expiries_.insert({lease.expires_at, lease.id});
  stored_expiries_.insert({lease.stored_expiry, lease.id});
  straggler_checks_.insert({now_ + options_.straggler_least, lease.id});
  const std::string id = lease.id;
  leases_.emplace(id, std::move(lease));
}

void Economy::forget_lease(const std::string& id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  const Lease lease = std::move(found->second);
  leases_.erase(found);
  expiries_.erase({lease.expires_at, id});
  stored_expiries_.erase({lease.stored_expiry, id});
  if (const auto node = roster_.find(lease.agent))
    roster_.release(*node, lease.slot, id, lease.phase == wire::LeasePhase::reported);
  OpenUnit* unit = find_unit(lease.unit);
  if (unit == nullptr) return;
  unit->leases.erase(id);
  if (lease.straggling) --unit->stragglers;
  if (lease.audit) --unit->auditing;
  OpenJob& job = jobs_.at(unit->job_id);
  --job.leases;
  queue_.in_work(job.tenant, -1);
}

void Economy::set_expiry(Lease& lease, Clock::TimePoint expires_at) {
  if (expires_at <= lease.expires_at) return;
  expiries_.erase({lease.expires_at, lease.id});
  lease.expires_at = expires_at;
  expiries_.insert({lease.expires_at, lease.id});
}

void Economy::note_progress(Lease& lease, const wire::LeaseProgressT& progress) {
  const float value =
      std::isfinite(progress.progress) ? std::clamp(progress.progress, 0.0F, 1.0F) : 0.0F;
  if (progress.phase > wire::LeasePhase::reported || lease.phase == wire::LeasePhase::reported)
    return;
  const bool advanced =
      progress.phase > lease.phase || (progress.phase == lease.phase && value > lease.progress);
  if (!advanced) return;
  const bool reported = progress.phase == wire::LeasePhase::reported;
  // Scene loading tells nothing for a while: the initial time is not cut by an early sign of life.
  set_expiry(lease, reported ? now_ + options_.report_grace
                             : std::min(now_ + options_.lease_extend, longest(lease, options_)));
  lease.phase = progress.phase;
  lease.progress = value;
  if (!reported) return;
  if (const auto node = roster_.find(lease.agent)) roster_.note_report(*node, lease.slot, lease.id);
}

HeartbeatOutcome Economy::heartbeat(const std::string& owner,
                                    const wire::AgentStateT& state,
                                    Clock::TimePoint now) {
  HeartbeatOutcome outcome;
  now_ = now;
  const NodeId id = roster_.enter(state.agent, owners_.number(owner));
  ++counters_.heartbeats;
  if (!roster_.admits(id, state, now)) {
    ++counters_.heartbeats_refused;
    return outcome;
  }
  std::set<std::string_view> listed;
  std::string ending;
  for (const auto& held : state.leases) {
    if (!held || listed.size() >= kMaxStops * 2) continue;
    listed.insert(held->lease);
    const auto found = leases_.find(held->lease);
    if (found != leases_.end() && found->second.agent == state.agent) {
      const bool over = found->second.phase == wire::LeasePhase::reported;
      if (held->phase == wire::LeasePhase::returned && !over) {
        outcome.returned.push_back(held->lease);
      } else {
        note_progress(found->second, *held);
        if (held->wants_next && !found->second.hinted) ending = held->lease;
      }
    } else if (held->phase < wire::LeasePhase::reported && outcome.stop.size() < kMaxStops) {
      outcome.stop.push_back({state.agent, held->slot, held->lease, "the lease has ended"});
    }
  }
  for (const auto& lease : outcome.returned) take_back(lease);
  // A run that begins knows nothing of what the one before was given; whoever begins all the time
  // is not answered all the time.
  const bool begins = roster_.node(id).started_ms != state.started_ms;
  const auto resend_after =
      std::min(options_.heartbeat * 2, std::chrono::milliseconds(begins ? 1000 : 10'000));
  for (const auto& [slot, held] : roster_.node(id).held) {
    const Lease& lease = leases_.at(held);
    const bool known = listed.contains(held) || lease.phase == wire::LeasePhase::reported;
    if (!known && now - lease.sent_at >= resend_after) outcome.resend.push_back(held);
  }
  counters_.resent += outcome.resend.size();
  roster_.hear(id, state, now);
  if (const auto lease = leases_.find(ending); lease != leases_.end()) {
    outcome.next_job = likely_next(id);
    lease->second.hinted = !outcome.next_job.empty();
  }
  return outcome;
}

/// What the queue would give to a free seat of this agent now, if the scene is not there already.
std::string Economy::likely_next(NodeId id) {
  const Node& node = roster_.node(id);
  if (node.trusted || node.draining || node.standing != Standing::kEnabled) return {};
  const auto servable = [&](const Demand& demand) {
    const auto able = roster_.book().able(demand.need);
    return std::ranges::find_first_of(able, node.kinds, {}, {}, &SeatKind::capability) !=
               able.end() &&
           !std::ranges::binary_search(demand.excluded, node.owner);
  };
  const auto pick = queue_.pick(now_, servable);
  if (!pick) return {};
  const OpenJob& job = jobs_.at(pick->job);
  if (std::ranges::binary_search(node.scenes, job.scene)) return {};
  return job.job.id;
}

void Economy::note_duration(const Lease& lease) {
  const OpenUnit* unit = find_unit(lease.unit);
  if (unit == nullptr || lease.audit || lease.granted_at == Clock::TimePoint{}) return;
  OpenJob& job = jobs_.at(unit->job_id);
  const double seconds = std::chrono::duration<double>(now_ - lease.granted_at).count();
  job.samples = std::min(job.samples + 1, 20U);
  const double of_frame = std::max(0.0, seconds) / share_of(*unit, lease);
  job.mean_seconds += (of_frame - job.mean_seconds) / job.samples;
}

/// Of a frame's work.
double Economy::share_of(const OpenUnit& unit, const Lease& lease) const {
  const wire::ManifestT& manifest = jobs_.at(unit.job_id).job.manifest;
  const wire::OutputT& output = *manifest.output;
  return sharding::share_of_frame(shard_of(unit.shard, lease.half, manifest),
                                  {output.width, output.height});
}

void Economy::note_trouble(OpenUnit& unit, const std::string& agent, const std::string& owner) {
  insert(unit.troubled, owners_.number(owner));
  if (!agent.empty()) unit.troubled_agents.insert(agent);
}

std::optional<UnitFailure> Economy::poisoned(const OpenUnit& unit) {
  if (unit.troubled.size() < options_.poison_owners || !unit.opinions.empty()) return std::nullopt;
  ++counters_.poisoned;
  return UnitFailure{unit.id,
                     std::to_string(unit.troubled.size()) +
                         " volunteers lost it or could not render it; their logs say more"};
}

/// What the agent says of its time counts only for a moment: each word moves the estimate a little.
void Economy::note_cost(const OpenUnit& unit, const Report& report) {
  OpenJob& job = jobs_.at(unit.job_id);
  const wire::OutputT& output = *job.job.manifest.output;
  const messages::Shard shard = shard_of(unit.shard, report.half, job.job.manifest);
  job.cost->observe(sharding::share_of_frame(shard, {output.width, output.height}),
                    report.render_seconds);
  ask_again(job);
}

void Economy::note_opinion(OpenUnit& unit, const Report& report, Reported& outcome) {
  const OwnerId owner = owners_.number(report.owner);
  unit.opinions.insert(report.lease);
  if (report.half) unit.halves[report.lease] = *report.half;
  insert(unit.owners, owner);
  insert(unit.opinion_owners, owner);
  stop_others(unit, report.owner, outcome);
}

/// A late result of an expired lease came: the same owner's newer lease could add nothing.
void Economy::stop_others(const OpenUnit& unit, const std::string& owner, Reported& outcome) {
  const std::set<std::string> leases = unit.leases;
  for (const auto& other : leases) {
    const Lease& live = leases_.at(other);
    if (live.owner != owner || live.trusted()) continue;
    outcome.stop.push_back({live.agent, live.slot, other, "an earlier result of yours arrived"});
    forget_lease(other);
  }
}

void Economy::note_void(OpenUnit& unit, const Report& report, Reported& outcome) {
  const OwnerId owner = owners_.number(report.owner);
  unit.voids.insert(report.lease);
  release_owner(unit, owner, report.owner, leases_);
  insert(unit.void_owners, owner);
  const auto limit = jobs_.at(unit.job_id).job.manifest.policy->max_replicas;
  outcome.failed = poisoned(unit);
  // One owner does not fail a unit, be it ever so quick; nor is it asked for ever.
  if (unit.void_owners.size() <= limit && unit.voids.size() <= kVoidsOfAnOwner * limit) return;
  outcome.failed = UnitFailure{unit.id, std::to_string(unit.voids.size()) +
                                            " results could not be used as images of this frame"};
}

/// What an auditor could not do speaks neither against the unit nor against the auditor, who may
/// still render it.
void Economy::note_audit(OpenUnit& unit, const Report& report, Reported& outcome) {
  if (report.counts)
    std::erase_if(unit.audits, [&](const auto& order) { return order.id == report.audit; });
  if (report.trusted) return;
  const OwnerId owner = owners_.number(report.owner);
  if (report.counts) {
    insert(unit.owners, owner);
    insert(unit.opinion_owners, owner);
    stop_others(unit, report.owner, outcome);
  } else {
    release_owner(unit, owner, report.owner, leases_);
    insert(unit.void_owners, owner);
  }
}

Reported Economy::reported(const Report& report, Clock::TimePoint now) {
  Reported outcome;
  now_ = now;
  if (const Lease* live = lease(report.lease)) note_duration(*live);
  forget_lease(report.lease);
  OpenUnit* unit = find_unit(report.unit);
  if (unit == nullptr) return outcome;
  if (report.audit != 0) {
    note_audit(*unit, report, outcome);
    relist(*unit);
    return outcome;
  }
  const bool is_new = !unit->opinions.contains(report.lease) && !unit->voids.contains(report.lease);
  if (is_new && report.counts && report.rendered) {
    if (const auto node = roster_.find(report.agent)) roster_.note_finished(*node);
    note_cost(*unit, report);
  }
  if (!report.rendered || !report.counts) note_trouble(*unit, report.agent, report.owner);
  if (report.counts) {
    note_opinion(*unit, report, outcome);
  } else {
    note_void(*unit, report, outcome);
  }
  relist(*unit);
  return outcome;
}

void Economy::want(UnitId id, std::uint32_t opinions) {
  OpenUnit* unit = find_unit(id);
  if (unit == nullptr || unit->wanted >= opinions) return;
  unit->wanted = opinions;
  unit->held_until = {};
  relist(*unit);
}

void Economy::set_audits(UnitId id, std::vector<AuditOrder> orders) {
  OpenUnit* unit = find_unit(id);
  if (unit == nullptr || (orders.empty() && unit->audits.empty() && !unit->unaudited)) return;
  unit->unaudited = unit->unaudited && !orders.empty();
  unit->audits = std::move(orders);
  relist(*unit);
}

void Economy::lose_lease(const std::string& id, Expired& outcome) {
  const Lease lease = leases_.at(id);
  outcome.leases.push_back(id);
  outcome.stop.push_back({lease.agent, lease.slot, id, "no progress within the lease's time"});
  forget_lease(id);
  ++counters_.expired;
  OpenUnit* unit = find_unit(lease.unit);
  if (unit == nullptr) return;
  if (lease.trusted()) return relist(*unit);
  release_owner(*unit, owners_.number(lease.owner), lease.owner, leases_);
  // Machines come and go: a lost lease speaks against the unit only.
  note_trouble(*unit, "", lease.owner);
  relist(*unit);
  if (++unit->expiries > options_.max_expiries) {
    outcome.failed.push_back(
        {lease.unit, std::to_string(unit->expiries) + " leases ran out without a result"});
  } else if (auto poison = poisoned(*unit)) {
    outcome.failed.push_back(std::move(*poison));
  }
}

std::vector<StopOrder> Economy::end_leases(const std::vector<std::string>& leases,
                                           const std::string& reason) {
  std::vector<StopOrder> stop;
  for (const auto& id : leases) {
    const Lease* known = lease(id);
    if (known == nullptr) continue;
    stop.push_back({known->agent, known->slot, id, reason});
    take_back(id);
  }
  return stop;
}

void Economy::take_back(const std::string& id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  const Lease ended = found->second;
  forget_lease(id);
  OpenUnit* unit = find_unit(ended.unit);
  if (unit == nullptr) return;
  if (!ended.trusted()) release_owner(*unit, owners_.number(ended.owner), ended.owner, leases_);
  relist(*unit);
}

Expired Economy::expire(Clock::TimePoint now) {
  Expired outcome;
  now_ = now;
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const std::string id = expiries_.begin()->second;
    lose_lease(id, outcome);
  }
  return outcome;
}

void Economy::look_at_straggler(const std::string& id) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Lease& lease = found->second;
  OpenUnit* unit = find_unit(lease.unit);
  if (unit == nullptr || lease.audit || lease.straggling ||
      lease.phase == wire::LeasePhase::reported)
    return;
  const OpenJob& job = jobs_.at(unit->job_id);
  const auto usual = std::chrono::duration<double>(job.mean_seconds * share_of(*unit, lease) *
                                                   options_.straggler_factor);
  const auto late_at =
      lease.granted_at + std::max(options_.straggler_least,
                                  std::chrono::duration_cast<std::chrono::milliseconds>(usual));
  if (job.samples < kFewSamples || late_at > now_) {
    straggler_checks_.insert({std::max(late_at, now_ + options_.straggler_least), id});
    return;
  }
  // One further replica of a unit is enough.
  if (unit->stragglers > 0) return;
  lease.straggling = true;
  ++unit->stragglers;
  ++counters_.speculated;
  relist(*unit);
}

void Economy::look_at_stragglers() {
  while (!straggler_checks_.empty() && straggler_checks_.begin()->first <= now_) {
    const std::string id = straggler_checks_.begin()->second;
    straggler_checks_.erase(straggler_checks_.begin());
    look_at_straggler(id);
  }
}

void Economy::sent(const std::string& lease, Clock::TimePoint now) {
  if (const auto found = leases_.find(lease); found != leases_.end()) found->second.sent_at = now;
}

std::vector<Lease> Economy::take_extended(Clock::TimePoint now) {
  std::vector<Lease> out;
  const auto soon = now + options_.lease_extend / 2;
  for (auto next = stored_expiries_.begin(); next != stored_expiries_.end() && next->first <= soon;
       ++next) {
    const Lease& lease = leases_.at(next->second);
    if (lease.expires_at > lease.stored_expiry) out.push_back(lease);
  }
  for (const auto& extended : out) {
    Lease& lease = leases_.at(extended.id);
    stored_expiries_.erase({lease.stored_expiry, lease.id});
    lease.stored_expiry = lease.expires_at;
    stored_expiries_.insert({lease.stored_expiry, lease.id});
  }
  return out;
}

}  // namespace worldshare::dispatcher
