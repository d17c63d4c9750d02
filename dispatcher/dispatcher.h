#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "dispatcher/board.h"
#include "dispatcher/config.h"
#include "dispatcher/economy/economy.h"
#include "dispatcher/economy/job_rows.h"
#include "dispatcher/economy/ledger.h"
#include "dispatcher/nodes/agent_rows.h"
#include "dispatcher/outgoing.h"
#include "shared/clock.h"
#include "shared/inbox.h"
#include "shared/nats/connection.h"

namespace worldshare::dispatcher {

struct DispatcherParts {
  const Config& config;
  nats::Connection& nats;
  const Clock& clock;
  Board& board;
};

/// The economy's loop: one thread that owns the Economy and its Ledger. Feeder threads bring
/// heartbeats, verdicts and nudges; the loop takes all that has come, writes it in few
/// transactions, and then speaks. Whenever PostgreSQL refuses something, the loop drops its memory
/// and rebuilds it from PostgreSQL.
class Dispatcher {
 public:
  Dispatcher(const DispatcherParts& parts, Ledger ledger, Outgoing outgoing);
  /// Leads (or waits to lead) until `stop`.
  void run(std::stop_token stop);

 private:
  using Answers = std::vector<Result<>>;
  struct VerdictNotice {
    std::vector<wire::VerdictT> verdicts;
    std::shared_ptr<std::promise<Answers>> done;
  };
  /// Something about these jobs was written; an agent's name stands for a change of the agent.
  struct ControlNotice {
    std::vector<wire::EventT> events;
    std::shared_ptr<std::promise<Answers>> done;
  };
  struct Notice {
    std::variant<wire::AgentStateT, VerdictNotice, ControlNotice> news;
    std::chrono::steady_clock::time_point came = std::chrono::steady_clock::now();
  };

  Result<> lead(std::stop_token stop);
  Result<> begin_anew(std::chrono::seconds jump);
  Result<> rebuild();
  void adopt(std::vector<JobRow> rows, std::vector<StoredUnit> units);
  Result<> load_jobs(const std::vector<std::string>& ids);
  Result<> load_changes();
  Result<> load_terms();

  Result<> digest(std::deque<Notice> notices);
  Result<> take_verdicts(std::vector<VerdictNotice>& notices);
  Result<VerdictEffects> record(const std::vector<wire::VerdictT>& verdicts);
  Result<> apply(const std::vector<wire::VerdictT>& verdicts, VerdictEffects effects);
  void close(const wire::VerdictT& verdict);
  Result<> take_control(std::vector<ControlNotice>& notices);
  Result<> take_states(std::unordered_map<std::string, wire::AgentStateT> states);
  void note_run(const std::string& owner, const wire::AgentStateT& state);
  Result<> note_presence();
  Result<> know_agents(const std::vector<std::string>& agents);
  Result<> tick();
  Result<> slow_tick();
  Result<> dispatch();
  /// What the trust engine asks for in its tables: further replicas of accepted units, and owners
  /// who get no more work.
  Result<> take_wishes();
  Result<> take_reissues();
  Result<> take_records();
  Result<> take_exclusions();
  /// Forgets a reissued unit that has the opinions it wanted, or that cannot get them now.
  void close_reissue(UnitId unit, bool answered);
  Result<> fail_units(const std::vector<UnitFailure>& failures);
  void take_endings(const Endings& endings);
  Result<> take_assembled();
  void finish_jobs(const std::vector<JobEnd>& ended);
  Result<> take_back(const Grants& grants, const std::set<std::string>& jobs);
  void send(const Grants& grants, const std::set<std::string>& refused);
  LeaseOrder order_of(const Lease& lease, const Unit& unit, const Job& job) const;
  void answer_questions();
  void post_notice(bool leader);
  double outbox_lag();

  void feed_heartbeats(std::stop_token stop);
  void feed_verdicts(std::stop_token stop);
  void feed_control(std::stop_token stop);

  DispatcherParts parts_;
  Ledger ledger_;
  Outgoing outgoing_;
  Economy economy_;
  Inbox<Notice> inbox_{8192};
  std::unordered_map<std::string, AgentRow> agents_;        ///< forgotten at every rebuild
  std::map<std::string, AgentFacts> facts_;                 ///< to be written
  std::unordered_map<std::string, std::int64_t> versions_;  ///< of jobs' rows
  std::int64_t version_ = 0;                                ///< the newest of them
  std::int64_t records_version_ = 0;                        ///< likewise, of the owners' records
  std::vector<Drained> drained_;                            ///< to be written
  std::chrono::steady_clock::time_point oldest_news_{};
  std::chrono::steady_clock::time_point next_slow_tick_{};
  Histogram dispatch_seconds_;
  std::uint64_t units_accepted_ = 0;
  std::uint64_t units_failed_ = 0;
  std::uint64_t verdicts_ = 0;
  std::atomic<std::uint64_t> redelivered_ = 0;
};

}  // namespace worldshare::dispatcher
