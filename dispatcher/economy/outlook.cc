#include <algorithm>

#include "dispatcher/economy/economy.h"

// How things stand, in words and numbers for people.

namespace worldshare::dispatcher {

std::string Economy::whole_because(const std::string& id) const {
  const OpenJob* open = find_job(id);
  if (open == nullptr) return {};
  return sharding::choose_division(open->job.manifest, open->cost->cost()).whole_because;
}

std::string Economy::waiting(const std::string& id, Clock::TimePoint now) const {
  const OpenJob* open = find_job(id);
  if (open == nullptr) return {};
  const Job& job = open->job;
  if (job.paused) return "it is paused";
  if (!job.after.empty()) return "it comes after job " + job.after.front();
  if (job.not_before > now) return "it is not to begin yet";
  std::string reason = "no agent is connected";
  std::set<OwnerId> owners;
  for (const ClassId capability : roster_.book().classes()) {
    const auto& here = roster_.owners(capability);
    if (here.empty()) continue;
    const std::string problem = roster_.book().why_not(open->need, capability);
    if (!problem.empty()) {
      reason = problem;
      continue;
    }
    for (const auto& [owner, count] : here) owners.insert(owner);
  }
  if (owners.empty()) return reason;
  for (const auto& [useless, units] : open->wanting.groups()) {
    const OpenUnit& unit = units_.at(units.begin()->second);
    if (!unit.leases.empty() || !std::ranges::includes(useless, owners)) continue;
    const bool audited = unit.opinion_owners.size() > unit.opinions.size();
    return "frame " + std::to_string(unit.shard.frame) + " needs another volunteer: all " +
           std::to_string(owners.size()) + " that are connected have rendered " +
           (audited ? "or audited it" : "it");
  }
  return waits_for_trusted(*open);
}

/// Of the first frame that waits; empty when none does.
std::string Economy::waits_for_trusted(const OpenJob& open) const {
  for (const UnitId id : open.units) {
    const OpenUnit& unit = units_.at(id);
    const auto orders = unserved(unit, true);
    if (orders.empty()) continue;
    const bool busy = std::ranges::all_of(
        orders, [&](const AuditOrder* order) { return trusted_could(open, unit, *order); });
    return "frame " + std::to_string(unit.shard.frame) + " waits for trusted hardware: " +
           (busy ? "what is connected is busy" : "none that is connected can look at it");
  }
  return {};
}

Economy::Depths Economy::depths() {
  std::map<TenantId, TenantDepth> tenants;
  std::map<NeedId, NeedDepth> needs;
  for (const auto& [id, open] : jobs_) {
    const std::uint64_t waiting = open.total - std::min(open.total, open.job.position);
    auto& tenant = tenants[open.tenant];
    ++tenant.jobs;
    tenant.frames_waiting += waiting;
    auto& need = needs[open.need];
    ++need.jobs;
    need.frames_waiting += waiting;
  }
  Depths depths;
  for (auto& [id, depth] : tenants) {
    depth.tenant = tenants_.name(id);
    depth.weight = queue_.terms(id).weight;
    depth.served = queue_.served(id);
    depth.leases = queue_.leases(id);
    depths.tenants.push_back(std::move(depth));
  }
  for (auto& [id, depth] : needs) {
    depth.need = roster_.book().describe_need(id);
    for (const ClassId capability : roster_.book().able(id))
      depth.free_seats += roster_.seats().size(capability);
    depths.needs.push_back(std::move(depth));
  }
  return depths;
}

std::vector<double> Economy::lease_ages(Clock::TimePoint now) const {
  std::vector<double> ages;
  for (const auto& [id, lease] : leases_)
    ages.push_back(std::chrono::duration<double>(now - lease.granted_at).count());
  return ages;
}

}  // namespace worldshare::dispatcher
