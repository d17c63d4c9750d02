#pragma once

#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "dispatcher/board.h"
#include "dispatcher/config.h"
#include "dispatcher/economy/economy.h"
#include "dispatcher/economy/ledger.h"
#include "shared/blobs/signed_url.h"
#include "shared/clock.h"
#include "shared/crypto.h"
#include "shared/inbox.h"
#include "shared/nats/connection.h"

namespace worldshare::dispatcher {

struct DispatcherParts {
  const Config& config;
  const NKey& key;
  nats::Connection& nats;
  const blobs::UrlSigner& signer;
  const Clock& clock;
  Board& board;
};

/// The economy's loop: one thread that owns the Economy and its Ledger. Feeder threads bring
/// heartbeats, verdicts and job notices. Whenever PostgreSQL refuses something, the loop drops its
/// memory and rebuilds it from PostgreSQL.
class Dispatcher {
 public:
  Dispatcher(const DispatcherParts& parts, Ledger ledger);
  /// Leads (or waits to lead) until `stop`.
  void run(std::stop_token stop);

 private:
  struct VerdictNotice {
    wire::VerdictT verdict;
    std::shared_ptr<std::promise<Result<>>> done;
  };
  struct JobNotice {
    std::shared_ptr<std::promise<Result<>>> done;
  };
  using Notice = std::variant<wire::AgentStateT, VerdictNotice, JobNotice>;

  Result<> rebuild();
  Result<> load_jobs();
  Result<> lead(std::stop_token stop);
  Result<> handle(wire::AgentStateT state);
  Result<> handle(const wire::VerdictT& verdict);
  Result<> dispatch();
  Result<> tick();
  Result<> fail_units(const std::vector<UnitFailure>& failures);
  void finished(const VerdictEffect& effect,
                const Unit& unit,
                bool accepted,
                const std::string& reason);
  void send(const Lease& lease);
  void send(const std::vector<StopOrder>& orders);
  void publish_event(wire::EventKind kind,
                     const std::string& job,
                     std::int32_t frame,
                     const std::string& owner,
                     const std::string& message);
  void show_node(const std::string& owner, const wire::AgentStateT& state);
  void post_notice(bool leader);

  void feed_heartbeats(std::stop_token stop);
  void feed_verdicts(std::stop_token stop);
  void feed_jobs(std::stop_token stop);

  DispatcherParts parts_;
  Ledger ledger_;
  Economy economy_;
  Inbox<Notice> inbox_{4096};
  std::map<std::string, std::optional<std::string>>
      owners_;  ///< of agents, forgotten at every rebuild
  Clock::TimePoint next_slow_tick_{};
};

}  // namespace worldshare::dispatcher
