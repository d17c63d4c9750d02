#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/names.h"
#include "shared/clock.h"

namespace worldshare::dispatcher {

/// What a seat must be like to serve a job now.
struct Demand {
  NeedId need = 0;
  std::vector<OwnerId> excluded;  ///< sorted; whose seats would be of no use to it

  auto operator<=>(const Demand&) const = default;
};

struct TenantTerms {
  double weight = 1;             ///< its share under saturation is proportional to it; above 0
  std::uint32_t max_leases = 0;  ///< replicas in work at once; 0: no limit
};

struct QueuedJob {
  JobId id = 0;
  TenantId tenant = 0;
  std::uint32_t priority = 50;  ///< 0..100
  Clock::TimePoint queued_at{};
  std::optional<Clock::TimePoint> deadline;
  Clock::TimePoint due_from{};  ///< with a deadline: when it must be begun at the latest
  Clock::TimePoint not_before{};
};

struct QueueOptions {
  std::chrono::milliseconds ageing{120'000};  ///< waiting so long is worth one point of priority
  std::uint32_t urgent_priority = 90;  ///< from here on a job goes before other tenants' jobs
  double burst = 64;  ///< units by which urgent and due jobs may take their tenant past its share
};

/// Which job is served next. Three levels: urgent jobs (by priority), due jobs (earliest deadline
/// first), all others. Between tenants: start-time fair queueing by weight, all levels charged
/// alike, so a tenant whose jobs are all urgent is ahead by `burst` at most. Within a tenant:
/// priority, where waiting counts as priority, so that nothing starves; equals in order of arrival.
///
/// A job is in the queue while a seat could serve it. pick() looks at heads only: it costs
/// O(log jobs) and one call of `servable` for each different demand that stands before the answer.
/// Pure; the caller's clock.
class JobQueue {
 public:
  explicit JobQueue(QueueOptions options = {}) : options_(options) {}

  void set_terms(TenantId tenant, TenantTerms terms);
  const TenantTerms& terms(TenantId tenant) { return tenant_of(tenant).terms; }
  /// Puts a job in, or changes what is known of it, but never its tenant.
  void put(const QueuedJob& job, Demand demand, Clock::TimePoint now);
  void remove(JobId job);
  bool holds(JobId job) const { return entries_.contains(job); }
  std::size_t size() const { return entries_.size(); }

  struct Pick {
    JobId job = 0;
    bool ahead = false;  ///< it went before its tenant's turn, as an urgent or a due job
  };
  /// The job to serve, among those whose demand is servable.
  std::optional<Pick> pick(Clock::TimePoint now,
                           const std::function<bool(const Demand&)>& servable);
  /// A seat was given to the job that pick() named, for `units` of service: its tenant has one
  /// lease more in work.
  void charge(const Pick& pick, double units = 1);
  /// Replicas of the tenant in work, without charging it (leases found at a start, or ended).
  void in_work(TenantId tenant, int change);
  std::uint32_t leases(TenantId tenant) { return tenant_of(tenant).leases; }
  /// Virtual time: units served so far over weight. For tests and for people.
  double served(TenantId tenant) { return tenant_of(tenant).served; }

 private:
  enum Level : std::uint8_t { kUrgent, kDue, kUsual };
  static constexpr std::size_t kLevels = 3;
  using Rank = std::pair<std::int64_t, JobId>;
  /// The jobs of one tenant on one level.
  struct Lane {
    std::map<Demand, std::set<Rank>> jobs;
    std::set<std::pair<Rank, const Demand*>> heads;
    bool empty() const { return heads.empty(); }
    std::optional<Rank> first(const std::function<bool(const Demand&)>& servable) const;
    void insert(const Demand& demand, Rank rank);
    void erase(const Demand& demand, Rank rank);
  };
  struct Tenant {
    TenantTerms terms;
    double served = 0;
    std::uint32_t leases = 0;
    std::size_t jobs = 0;
    Lane lanes[kLevels];
  };
  struct Entry {
    QueuedJob job;
    Demand demand;
    Level level = kUsual;
    Rank rank{};
    Clock::TimePoint turns_at{};  ///< when it comes up (not_before) or falls due; {}: never
    bool waits = false;           ///< not_before has not come
  };
  Tenant& tenant_of(TenantId tenant) { return tenants_[tenant]; }
  void enlist(Entry& entry, Clock::TimePoint now);
  void delist(Entry& entry);
  void relist(Entry& entry, const std::function<void()>& change, Clock::TimePoint now);
  void turn(Clock::TimePoint now);
  void list_tenant(TenantId id, const Tenant& tenant);
  void unlist_tenant(TenantId id, const Tenant& tenant);
  static bool at_limit(const Tenant& tenant);
  std::optional<JobId> pick_ahead(Level level, const std::function<bool(const Demand&)>& servable);

  QueueOptions options_;
  std::unordered_map<TenantId, Tenant> tenants_;
  std::unordered_map<JobId, Entry> entries_;
  /// By virtual time: who has jobs on the level; at kUsual who has any.
  std::set<std::pair<double, TenantId>> active_[kLevels];
  std::set<std::pair<Clock::TimePoint, JobId>> turns_;
  double virtual_time_ = 0;  ///< of the tenant whose turn came last; never falls
};

}  // namespace worldshare::dispatcher
