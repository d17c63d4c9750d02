#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispatcher/config.h"
#include "dispatcher/economy/job.h"
#include "dispatcher/economy/unit.h"
#include "shared/blobs/signed_url.h"
#include "shared/clock.h"
#include "shared/crypto.h"
#include "shared/nats/background_publisher.h"
#include "shared/nats/connection.h"

namespace worldshare::dispatcher {

/// A lease that its agent is to be told of. What it points to outlives the call.
struct LeaseOrder {
  const Lease* lease;
  const messages::Shard* unit;  ///< the shard of the lease's unit
  const Job* job;
  bool shared_ticket;  ///< the agent takes tickets that share a signature
};

/// What the economy says to agents and people. Nothing here waits for an answer: an assignment or a
/// stop that is lost is said again after the agent's next heartbeat, an event is news and not
/// truth. One thread.
class Outgoing {
 public:
  struct Parts {
    const Config& config;
    const NKey& key;  ///< signs tickets
    nats::Connection& nats;
    blobs::Store store;
    const blobs::UrlSigner& signer;
    const Clock& clock;
  };
  static Result<Outgoing> open(const Parts& parts);

  /// Each into its slot's mailbox.
  void assign(std::span<const LeaseOrder> orders);
  void stop(const std::vector<StopOrder>& orders);
  /// The scene that this agent is likely to need next. It holds no lease for it.
  void hint(const std::string& agent, const Job& job);
  void event(wire::EventKind kind,
             const std::string& job,
             std::int32_t frame,
             const std::string& owner,
             const std::string& message);
  /// Of one moment; of many alike, a few.
  void events(std::vector<wire::EventT> all);
  /// For `nats kv watch agents`; a few times a minute of each agent.
  void show(const std::string& owner, const wire::AgentStateT& state);
  nats::BackgroundPublisher::Counts counts() const { return mailboxes_->counts(); }

 private:
  Outgoing(const Parts& parts, std::unique_ptr<nats::BackgroundPublisher> mailboxes)
      : parts_(parts), mailboxes_(std::move(mailboxes)) {}
  void assign(const LeaseOrder& order, const messages::Shard& shard, Bytes ticket);
  std::string scene_url(const wire::SceneRefT& scene) const;
  Parts parts_;
  std::unique_ptr<nats::BackgroundPublisher> mailboxes_;
  std::unordered_map<std::string, std::chrono::steady_clock::time_point> shown_;
};

}  // namespace worldshare::dispatcher
