#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/job.h"
#include "dispatcher/economy/job_queue.h"
#include "dispatcher/economy/roster.h"
#include "dispatcher/economy/unit.h"
#include "dispatcher/economy/want_list.h"
#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/sharding/cost_estimate.h"
#include "shared/sharding/division.h"

namespace worldshare::dispatcher {

struct EconomyOptions {
  std::chrono::milliseconds lease_initial{300'000};  ///< until the first sign of progress
  std::chrono::milliseconds lease_extend{120'000};   ///< after each sign of progress
  std::chrono::milliseconds report_grace{600'000};   ///< reported, but no word of the verifier yet
  std::chrono::milliseconds lease_longest{
      86'400'000};  ///< until its report, whatever progress it shows; an audit as its cost
  std::chrono::milliseconds heartbeat{30'000};
  std::chrono::milliseconds sibling_hold{
      5'000};  ///< upper end of the random delay of a second replica
  std::chrono::milliseconds audit_patience{
      30'000};                      ///< an audit that nobody connected could do waits for so long
  std::uint32_t max_expiries = 10;  ///< a unit that loses more leases than this fails
  std::uint32_t poison_owners = 5;  ///< a unit that brings trouble to so many owners fails
  std::uint32_t max_open_units = 4'096;  ///< of one job
  bool pair_after_commit = false;        ///< the second replica waits for the first one's result
  bool split_samples = false;            ///< two owners render half of a frame's samples each
  double straggler_factor = 4;  ///< times its job's mean time: another replica is asked for
  std::chrono::milliseconds straggler_least{60'000};  ///< but not before
  QueueOptions queue;
  RosterOptions roster;
};

struct HeartbeatOutcome {
  std::vector<std::string> resend;  ///< leases whose assignment the agent seems not to have
  std::vector<StopOrder> stop;
  std::vector<std::string> returned;  ///< leases that the agent gave up: they are over
  std::string next_job;  ///< whose scene it lacks and is likely to need next; empty: no hint
};

struct Drained {
  std::string agent;
  std::string reason;
};

/// A result that the trust engine has recorded.
struct Report {
  std::string lease;
  std::string agent;
  std::string owner;
  UnitId unit = 0;
  bool counts = true;                      ///< an opinion; otherwise void
  bool rendered = true;                    ///< it brought an image, and not an error
  double render_seconds = 0;               ///< 0: not known
  std::int64_t audit = 0;                  ///< the order that it answers; 0: it is a replica
  bool trusted = false;                    ///< of trusted hardware
  std::optional<std::uint32_t> half = {};  ///< of the samples; absent: all of them
};

struct Reported {
  std::vector<StopOrder> stop;
  std::optional<UnitFailure> failed;  ///< too many results were of no use
};

struct Closed {
  std::vector<StopOrder> stop;
  std::vector<Drained> drained;  ///< agents that failed too many units that others finished
};

struct Expired {
  std::vector<std::string> leases;
  std::vector<StopOrder> stop;
  std::vector<UnitFailure> failed;
};

/// What match() decided. Nothing of it may be heard of before it is written.
struct Grants {
  std::vector<Unit> units;  ///< new ones
  std::vector<JobProgress> progress;
  std::vector<Lease> leases;
};

/// For people and for metrics.
struct EconomyCounters {
  std::uint64_t granted = 0;
  std::uint64_t expired = 0;
  std::uint64_t resent = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t heartbeats_refused = 0;
  std::uint64_t speculated = 0;
  std::uint64_t unaudited = 0;
  std::uint64_t trusted = 0;  ///< of `granted`: to trusted hardware
  std::uint64_t poisoned = 0;
  std::uint64_t drained = 0;
};

/// The economy scheduler's memory: jobs, open units, leases, agents, and who gets what. No I/O, no
/// threads; everything here can be rebuilt from PostgreSQL (jobs, units, leases) and the next
/// heartbeats (agents). The caller writes what match() decides before anybody hears of it. When
/// that fails it drops the job (drop_job) or everything, and loads it again.
///
/// A decision, a heartbeat and a verdict cost O(log n) in jobs, agents and leases; a decision also
/// looks once at each distinct set of owners that the chosen job's waiting units exclude, and while
/// trusted hardware is free, match() looks at all units that wait for it.
class Economy {
 public:
  /// `draw(n)` returns a uniform number below n; production passes random_below.
  Economy(EconomyOptions options, Draw draw);

  /// Takes over what is known of the agents; for a rebuild of everything else.
  void adopt_nodes(Economy&& other);

  void set_terms(const std::string& tenant, TenantTerms terms);
  void add_job(Job job, Clock::TimePoint now);
  /// Changes what a person may change while the job is live: priority, pause, times, range, frames
  /// wanted now.
  void change_job(Job job, Clock::TimePoint now);
  /// The artist wants this frame's unit, which is open, before the job's others.
  void prefer(const std::string& job, std::int32_t frame);
  /// Forgets a job with its units and leases; who held one is to be told.
  std::vector<StopOrder> drop_job(const std::string& id, const std::string& reason);
  /// A job is completed: those that waited for it may run.
  void job_completed(const std::string& id);
  bool has_job(const std::string& id) const { return job_of_.contains(id); }
  const Job* job(const std::string& id) const;
  std::size_t job_count() const { return jobs_.size(); }

  void add_unit(StoredUnit unit);
  /// Ends a unit: its live leases are returned as stop orders and forgotten.
  Closed close_unit(UnitId id, bool accepted, const std::string& reason);
  const Unit* unit(UnitId id) const;
  const Lease* lease(const std::string& id) const;
  std::size_t lease_count() const { return leases_.size(); }
  std::size_t unit_count() const { return units_.size(); }

  /// Ids for new units, from PostgreSQL. Without any left match() opens none.
  void add_unit_ids(std::vector<UnitId> ids);
  std::size_t unit_ids() const { return unit_ids_.size(); }

  /// Takes in an agent's state. `owner` is whose agent it is.
  HeartbeatOutcome heartbeat(const std::string& owner,
                             const wire::AgentStateT& state,
                             Clock::TimePoint now);
  void set_standing(const std::string& agent,
                    const std::string& owner,
                    Standing standing,
                    const std::string& reason);
  /// What operators call the agent; holds from its next heartbeat on.
  void set_labels(const std::string& agent,
                  const std::string& owner,
                  std::vector<std::string> labels);

  /// Gives free seats to units that want replicas, opening new units where no open one can use the
  /// seat, and those of trusted hardware to what is ordered of it; at most `limit` leases. All of
  /// it is in memory when this returns.
  Grants match(Clock::TimePoint now, std::size_t limit = 1'000);

  /// The trust engine recorded a result: the lease is over.
  Reported reported(const Report& report, Clock::TimePoint now);
  /// The trust engine asks for so many opinions in all; never lowers what it asked before.
  void want(UnitId unit, std::uint32_t opinions);
  /// These are all audits of the unit that it waits for now.
  void set_audits(UnitId unit, std::vector<AuditOrder> orders);
  /// What it believes of an owner: the probability that it cheats.
  void set_malice(const std::string& owner, double malice);
  /// Whether its machines are trusted hardware, which does audits that are for trusted hardware and
  /// nothing else.
  void set_trusted(const std::string& owner, bool trusted);

  Expired expire(Clock::TimePoint now);
  /// Takes leases away, and says nothing against their units; who held one is to be told.
  std::vector<StopOrder> end_leases(const std::vector<std::string>& leases,
                                    const std::string& reason);
  void sent(const std::string& lease, Clock::TimePoint now);
  /// Agents that fell silent since the last call.
  std::vector<std::string> take_silent() { return roster_.take_silent(); }
  /// Leases that live on although their rows say that they end soon: these are to be written. A row
  /// need not follow every sign of progress, because whoever leads next hears of the lease before
  /// it takes it away.
  std::vector<Lease> take_extended(Clock::TimePoint now);

  /// Why a job's long frames are not divided, a sentence for people; empty when there is nothing to
  /// explain.
  std::string whole_because(const std::string& job) const;
  /// Why a job's open work waits for an agent, for people; empty when it does not.
  std::string waiting(const std::string& job, Clock::TimePoint now) const;
  std::uint32_t nodes_online() const { return roster_.online(); }
  const Roster& roster() const { return roster_; }
  const EconomyCounters& counters() const { return counters_; }
  const std::string& owner_name(OwnerId owner) const { return owners_.name(owner); }
  const std::string& tenant_name(TenantId tenant) const { return tenants_.name(tenant); }

  /// How jobs, seats and leases stand, by tenant and by need. Looks at all jobs.
  struct TenantDepth {
    std::string tenant;
    double weight = 1;
    double served = 0;
    std::uint32_t leases = 0;
    std::uint32_t jobs = 0;
    std::uint64_t frames_waiting = 0;
  };
  struct NeedDepth {
    std::string need;
    std::uint32_t jobs = 0;
    std::uint64_t frames_waiting = 0;
    std::uint64_t free_seats = 0;
  };
  struct Depths {
    std::vector<TenantDepth> tenants;
    std::vector<NeedDepth> needs;
  };
  Depths depths();
  /// Seconds since their grant of all live leases. Looks at all of them.
  std::vector<double> lease_ages(Clock::TimePoint now) const;

 private:
  using Want = WantList::Want;
  struct OpenJob {
    Job job;
    JobId id = 0;
    NeedId need = 0;
    SceneId scene = 0;
    TenantId tenant = 0;
    std::uint32_t total = 0;  ///< frames
    std::optional<sharding::CostEstimate> cost;
    double asked_seconds = 0;  ///< of a unit, when it was last asked for agents
    WantList wanting;
    std::set<UnitId> units;
    std::size_t leases = 0;
    double mean_seconds = 0;  ///< of a whole frame, from grant to report
    std::uint32_t samples = 0;
    std::optional<Demand> demand;  ///< as the queue knows it
  };
  struct OpenUnit : Unit {
    JobId job_id = 0;
    std::optional<std::vector<OwnerId>> listed;  ///< its key in OpenJob::wanting
    std::int32_t rank = 1;                       ///< its place there
  };

  OpenJob* find_job(const std::string& id);
  const OpenJob* find_job(const std::string& id) const;
  OpenUnit* find_unit(UnitId id);
  bool can_open(const OpenJob& job) const;
  std::optional<Demand> demand_of(const OpenJob& job) const;
  void requeue(OpenJob& job);
  static Ask ask_of(const OpenJob& job);
  void ask_again(OpenJob& job);
  void forget_need(const OpenJob& job);
  void look_at_needs();
  void relist(OpenUnit& unit);
  std::vector<const AuditOrder*> unserved(const OpenUnit& unit, bool trusted) const;
  const AuditOrder* next_audit(const OpenUnit& unit) const;
  std::vector<OwnerId> useless(const OpenUnit& unit, const AuditOrder* audit) const;
  void unlist(OpenJob& job, OpenUnit& unit);
  void insert_lease(Lease lease);
  void forget_lease(const std::string& id);
  void lose_lease(const std::string& id, Expired& outcome);
  void take_back(const std::string& id);
  std::string likely_next(NodeId id);
  void set_expiry(Lease& lease, Clock::TimePoint expires_at);
  void note_progress(Lease& lease, const wire::LeaseProgressT& progress);
  double share_of(const OpenUnit& unit, const Lease& lease) const;
  void note_duration(const Lease& lease);
  void note_cost(const OpenUnit& unit, const Report& report);
  void note_opinion(OpenUnit& unit, const Report& report, Reported& outcome);
  void note_void(OpenUnit& unit, const Report& report, Reported& outcome);
  void note_audit(OpenUnit& unit, const Report& report, Reported& outcome);
  void stop_others(const OpenUnit& unit, const std::string& owner, Reported& outcome);
  void note_trouble(OpenUnit& unit, const std::string& agent, const std::string& owner);
  std::optional<UnitFailure> poisoned(const OpenUnit& unit);
  void advance();
  void look_at_audits();
  bool anybody_could(const OpenJob& job, const std::vector<OwnerId>& useless) const;
  bool lacks_auditors(const OpenJob& job, const OpenUnit& unit) const;
  void time_audits(OpenUnit& unit, bool waiting);
  void await_trusted(OpenUnit& unit, bool waiting);
  void look_at_stragglers();
  void look_at_straggler(const std::string& id);
  OpenUnit* open_frame(OpenJob& job, Grants& grants);
  OpenUnit& open_unit(OpenJob& job, const Unit& unit, Grants& grants);
  static std::vector<std::int32_t> next_frames(OpenJob& job, std::uint32_t most);
  std::uint32_t frames_a_unit(const OpenJob& job, const sharding::Division& division) const;
  static sharding::Division division_of(const OpenJob& job);
  bool splits(const OpenJob& job, const sharding::Division& division) const;
  bool enough_for_halves(std::span<const ClassId> classes) const;
  static bool takes_halves(const OpenUnit& unit);
  std::uint32_t missing_half(const OpenUnit& unit) const;
  OpenUnit* choose_unit(OpenJob& job);
  std::optional<Seat> choose_seat(const OpenJob& job, const OpenUnit& unit);
  std::optional<Seat> choose_auditor(const OpenJob& job,
                                     const OpenUnit& unit,
                                     const AuditOrder& audit);
  std::optional<std::string> class_of_audited(const OpenUnit& unit, const AuditOrder& audit) const;
  std::vector<ClassId> trusted_classes(const OpenJob& job,
                                       const OpenUnit& unit,
                                       const AuditOrder& order) const;
  bool has_trusted(std::span<const ClassId> classes) const;
  bool trusted_could(const OpenJob& job, const OpenUnit& unit, const AuditOrder& order) const;
  std::string waits_for_trusted(const OpenJob& job) const;
  std::optional<Seat> choose_trusted(const OpenJob& job,
                                     const OpenUnit& unit,
                                     const AuditOrder& order);
  std::optional<Seat> most_trusted(std::span<const ClassId> classes,
                                   std::optional<SceneId> scene,
                                   std::vector<OwnerId> excluded);
  double malice(OwnerId owner) const;
  Lease make_lease(const OpenUnit& unit, Seat seat) const;
  void grant(const JobQueue::Pick& pick,
             OpenUnit& unit,
             Seat seat,
             const AuditOrder* audit,
             Grants& grants);
  void grant_trusted(OpenUnit& unit, Seat seat, const AuditOrder& order, Grants& grants);
  void hand_out(Lease lease, Grants& grants);
  void serve_trusted(std::size_t limit, Grants& grants);
  bool serve(const JobQueue::Pick& pick, Grants& grants);

  EconomyOptions options_;
  Draw draw_;
  Roster roster_;
  JobQueue queue_;
  Names owners_;
  Names tenants_;
  std::unordered_map<OwnerId, double> malice_;  ///< of owners of whom something is known
  std::vector<OwnerId> doubted_;                ///< sorted; these audit nobody
  std::unordered_map<std::string, JobId> job_of_;
  std::unordered_map<JobId, OpenJob> jobs_;
  std::unordered_map<NeedId, std::set<JobId>> asking_;  ///< jobs with that need
  JobId next_job_ = 1;
  std::unordered_map<UnitId, OpenUnit> units_;
  std::unordered_map<std::string, Lease> leases_;
  std::map<std::string, std::set<std::string>> waited_for_;  ///< job → jobs that wait for it
  std::set<std::pair<Clock::TimePoint, std::string>> expiries_;
  std::set<std::pair<Clock::TimePoint, std::string>> stored_expiries_;  ///< of the same leases
  std::set<std::pair<Clock::TimePoint, UnitId>> held_;
  std::set<std::pair<Clock::TimePoint, UnitId>> audits_due_;
  std::set<std::pair<Clock::TimePoint, UnitId>> trusted_waits_;  ///< since when
  std::set<std::pair<Clock::TimePoint, std::string>> straggler_checks_;
  std::vector<UnitId> unit_ids_;  ///< the next one at the end
  Clock::TimePoint now_{};        ///< as the caller said last
  EconomyCounters counters_;
};

}  // namespace worldshare::dispatcher
