#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agents/lease_book.h"
#include "agents/swarm/behaviour.h"
#include "agents/swarm/broker_link.h"
#include "agents/swarm/roster.h"
#include "agents/swarm/synthetic_picture.h"
#include "agents/swarm/tally.h"
#include "agents/swarm/uploader.h"
#include "shared/messages/messages.h"

namespace worldshare::swarm {

/// What all agents of a swarm share. Everything outlives the agents.
struct SwarmServices {
  boost::asio::io_context& context;
  const BrokerAddress broker;
  const wire::CapabilitiesT capabilities;
  const std::uint32_t slots;
  SyntheticPictures& pictures;
  Uploader& uploader;
  Tally& tally;
  Random& random;
  /// An assignment has arrived; for who measures.
  std::function<void(const wire::AssignmentT&)> noticed;
};

/// One agent of the swarm: a real identity on a real connection that says hello, sends heartbeats,
/// takes what its mailbox holds, commits, uploads and reports, as `worldshare-agent` does. Only
/// the render is missing: its Behaviour says how long it took and what came of it. Never fetches
/// the scene. On the swarm's thread.
class SyntheticAgent {
 public:
  /// `behaviour` may be shared by many agents.
  SyntheticAgent(SwarmServices& services, const Member& member, Behaviour& behaviour);
  ~SyntheticAgent();
  SyntheticAgent(const SyntheticAgent&) = delete;
  SyntheticAgent& operator=(const SyntheticAgent&) = delete;

  /// Connects, and again whenever the connection ends.
  void start();
  /// Takes nothing new; what is in work is finished.
  void drain();
  bool idle() const;
  /// Says that it leaves, and ends.
  void leave();
  /// Its machine is switched off and comes back after `away`: no farewell, all leases forgotten.
  void vanish(std::chrono::milliseconds away);

 private:
  /// A lease in work.
  struct Unit {
    Unit(boost::asio::io_context& context, std::uint32_t index, wire::AssignmentT given)
        : slot(index), assignment(std::move(given)), timer(context) {}
    const std::uint32_t slot;
    const wire::AssignmentT assignment;
    Plan plan;                            ///< of all of its frames
    std::vector<std::uint64_t> pictures;  ///< of each
    Bytes bundle;                         ///< of several
    wire::ArtifactT artifact;
    boost::asio::steady_timer timer;  ///< the render, then each answer that is waited for
    unsigned tries = 0;
    std::uint64_t stage = 0;  ///< grows when an answer moves the unit on; later ones are void
    std::uint64_t step = 0;   ///< grows with each; an older one's alarm is void
    std::chrono::steady_clock::time_point asked{};
  };
  using UnitPtr = std::shared_ptr<Unit>;
  using Reply = std::function<void(const Delivery&)>;

  void connect();
  void retry_later();
  void drop_everything();
  void on_ready();
  void on_message(const Delivery& delivery);
  void say_hello();
  void on_hello(const Delivery& reply);
  void on_mailbox(std::string_view subject, ByteView data);
  void request(const std::string& verb, ByteView data, Reply reply);
  std::string new_inbox(Reply reply);
  void heartbeat();
  /// At once, together with what else this turn of the loop brings.
  void heartbeat_soon();
  void heartbeat_within(std::chrono::milliseconds time);
  wire::AgentStateT state();

  // A unit's steps: synthetic_unit.cc.
  void begin(std::uint32_t slot, wire::AssignmentT assignment);
  void plan_frames(Unit& unit);
  void make_artifact(Unit& unit);
  void act(const UnitPtr& unit);
  void commit(const UnitPtr& unit);
  void on_commit(const UnitPtr& unit, const Delivery& reply);
  void upload(const UnitPtr& unit, const wire::UploadReplyT& place);
  void report(const UnitPtr& unit);
  void on_stored(const UnitPtr& unit, const Delivery& reply);
  void send_result(const Unit& unit, const std::string& message_id, Reply reply);
  void end(UnitPtr unit, bool reported);
  wire::ResultT result_of(const Unit& unit) const;
  bool is_working(const UnitPtr& unit) const;
  /// Begins a step of the unit: runs `overdue` unless it moves on within the time.
  void await(const UnitPtr& unit,
             std::chrono::microseconds time,
             void (SyntheticAgent::*overdue)(const UnitPtr&));
  /// `next`, for the first answer to this stage of the unit, however often it was asked for.
  Reply answer(const UnitPtr& unit, void (SyntheticAgent::*next)(const UnitPtr&, const Delivery&));
  std::chrono::milliseconds patience(const UnitPtr& unit);
  void move_on(const UnitPtr& unit);
  void again(const UnitPtr& unit);

  SwarmServices& services_;
  const Member& member_;
  Behaviour& behaviour_;
  const std::string mailbox_;  ///< "work.<agent>."
  const std::string inbox_;    ///< "_INBOX.<agent>."
  std::shared_ptr<BrokerLink> link_;
  std::unique_ptr<agent::LeaseBook> book_;
  std::vector<UnitPtr> working_;  ///< by slot
  std::vector<std::chrono::steady_clock::time_point>
      told_free_;  ///< by slot; zero: not told, or it never worked
  std::map<std::uint64_t, Reply> replies_;
  std::uint64_t next_reply_ = 0;
  std::uint64_t started_ms_ = 0;
  std::uint64_t sequence_ = 0;
  std::chrono::milliseconds every_{30'000};
  std::chrono::milliseconds pause_{0};
  bool heartbeat_is_due_ = false;
  bool draining_ = false;
  bool leaving_ = false;
  std::chrono::steady_clock::time_point next_heartbeat_{};
  boost::asio::steady_timer clock_;   ///< the next heartbeat
  boost::asio::steady_timer return_;  ///< the next try to connect, or hello
};

}  // namespace worldshare::swarm
