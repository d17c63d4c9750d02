#include "dispatcher/economy/job_queue.h"

#include <algorithm>

namespace worldshare::dispatcher {

std::optional<JobQueue::Rank> JobQueue::Lane::first(
    const std::function<bool(const Demand&)>& servable) const {
  for (const auto& [rank, demand] : heads) {
    if (servable(*demand)) return rank;
  }
  return std::nullopt;
}

void JobQueue::Lane::insert(const Demand& demand, Rank rank) {
  const auto entry = jobs.try_emplace(demand).first;
  auto& ranks = entry->second;
  if (!ranks.empty() && *ranks.begin() < rank) {
    ranks.insert(rank);
    return;
  }
  if (!ranks.empty()) heads.erase({*ranks.begin(), &entry->first});
  ranks.insert(rank);
  heads.insert({rank, &entry->first});
}

void JobQueue::Lane::erase(const Demand& demand, Rank rank) {
  const auto entry = jobs.find(demand);
  auto& ranks = entry->second;
  const bool was_head = *ranks.begin() == rank;
  if (was_head) heads.erase({rank, &entry->first});
  ranks.erase(rank);
  if (ranks.empty()) {
    jobs.erase(entry);
  } else if (was_head) {
    heads.insert({*ranks.begin(), &entry->first});
  }
}

void JobQueue::list_tenant(TenantId id, const Tenant& tenant) {
  bool any = false;
  for (const Level level : {kUrgent, kDue, kUsual}) {
    any = any || !tenant.lanes[level].empty();
    if (level == kUsual ? any : !tenant.lanes[level].empty())
      active_[level].insert({tenant.served, id});
  }
}

void JobQueue::unlist_tenant(TenantId id, const Tenant& tenant) {
  for (auto& active : active_) active.erase({tenant.served, id});
}

void JobQueue::set_terms(TenantId tenant, TenantTerms terms) {
  terms.weight = std::clamp(terms.weight, 0.001, 1000.0);
  tenant_of(tenant).terms = terms;
}

void JobQueue::enlist(Entry& entry, Clock::TimePoint now) {
  const QueuedJob& job = entry.job;
  const auto in_ms = [](Clock::TimePoint time) { return static_cast<std::int64_t>(unix_ms(time)); };
  entry.waits = job.not_before > now;
  entry.turns_at = entry.waits ? job.not_before : Clock::TimePoint{};
  // All jobs age alike, so the order of two never changes and waiting is part of a fixed rank.
  entry.rank = {in_ms(job.queued_at) - std::int64_t{job.priority} * options_.ageing.count(),
                job.id};
  entry.level = job.priority >= options_.urgent_priority ? kUrgent : kUsual;
  if (entry.level == kUsual && job.deadline) {
    if (job.due_from <= now) {
      entry.level = kDue;
      entry.rank.first = in_ms(*job.deadline);
    } else if (!entry.waits) {
      entry.turns_at = job.due_from;
    }
  }
  if (entry.turns_at != Clock::TimePoint{}) turns_.insert({entry.turns_at, job.id});
  if (entry.waits) return;
  Tenant& tenant = tenant_of(job.tenant);
  unlist_tenant(job.tenant, tenant);
  if (tenant.jobs++ == 0) tenant.served = std::max(tenant.served, virtual_time_);
  tenant.lanes[entry.level].insert(entry.demand, entry.rank);
  list_tenant(job.tenant, tenant);
}

void JobQueue::delist(Entry& entry) {
  if (entry.turns_at != Clock::TimePoint{}) turns_.erase({entry.turns_at, entry.job.id});
  if (entry.waits) return;
  Tenant& tenant = tenant_of(entry.job.tenant);
  unlist_tenant(entry.job.tenant, tenant);
  --tenant.jobs;
  tenant.lanes[entry.level].erase(entry.demand, entry.rank);
  list_tenant(entry.job.tenant, tenant);
}

void JobQueue::relist(Entry& entry, const std::function<void()>& change, Clock::TimePoint now) {
  // Its jobs change all the time: that must not reset how a tenant was served.
  Tenant& tenant = tenant_of(entry.job.tenant);
  const bool was_listed = !entry.waits;
  if (was_listed) ++tenant.jobs;
  delist(entry);
  change();
  enlist(entry, now);
  if (was_listed) --tenant.jobs;
}

void JobQueue::put(const QueuedJob& job, Demand demand, Clock::TimePoint now) {
  const auto [found, is_new] = entries_.try_emplace(job.id);
  Entry& entry = found->second;
  const auto change = [&] {
    entry.job = job;
    entry.demand = std::move(demand);
  };
  if (!is_new) return relist(entry, change, now);
  change();
  enlist(entry, now);
}

void JobQueue::remove(JobId job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) return;
  delist(found->second);
  entries_.erase(found);
}

void JobQueue::turn(Clock::TimePoint now) {
  while (!turns_.empty() && turns_.begin()->first <= now) {
    Entry& entry = entries_.at(turns_.begin()->second);
    relist(entry, [] {}, now);
  }
}

bool JobQueue::at_limit(const Tenant& tenant) {
  return tenant.terms.max_leases > 0 && tenant.leases >= tenant.terms.max_leases;
}

std::optional<JobId> JobQueue::pick_ahead(Level level,
                                          const std::function<bool(const Demand&)>& servable) {
  std::optional<Rank> best;
  for (const auto& [served, id] : active_[level]) {
    if (served > virtual_time_ + options_.burst) break;
    const Tenant& tenant = tenants_.at(id);
    if (at_limit(tenant)) continue;
    const auto first = tenant.lanes[level].first(servable);
    if (first && level == kUrgent) return first->second;
    if (first && (!best || *first < *best)) best = first;
  }
  return best ? std::optional(best->second) : std::nullopt;
}

std::optional<JobQueue::Pick> JobQueue::pick(Clock::TimePoint now,
                                             const std::function<bool(const Demand&)>& servable) {
  turn(now);
  for (const Level level : {kUrgent, kDue}) {
    if (const auto job = pick_ahead(level, servable)) return Pick{*job, true};
  }
  for (const auto& [served, id] : active_[kUsual]) {
    const Tenant& tenant = tenants_.at(id);
    if (at_limit(tenant)) continue;
    for (const auto& lane : tenant.lanes) {
      if (const auto first = lane.first(servable)) return Pick{first->second, false};
    }
  }
  return std::nullopt;
}

void JobQueue::charge(const Pick& pick, double units) {
  const TenantId id = entries_.at(pick.job).job.tenant;
  Tenant& tenant = tenant_of(id);
  unlist_tenant(id, tenant);
  // Who could not be served for a while catches up by `burst` units at most.
  const double start = std::max(tenant.served, virtual_time_ - options_.burst);
  if (!pick.ahead) virtual_time_ = std::max(virtual_time_, start);
  tenant.served = start + units / tenant.terms.weight;
  ++tenant.leases;
  list_tenant(id, tenant);
}

void JobQueue::in_work(TenantId id, int change) {
  Tenant& tenant = tenant_of(id);
  const std::int64_t leases = std::int64_t{tenant.leases} + change;
  tenant.leases = static_cast<std::uint32_t>(std::max<std::int64_t>(0, leases));
}

}  // namespace worldshare::dispatcher
