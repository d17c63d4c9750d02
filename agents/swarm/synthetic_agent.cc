#include "agents/swarm/synthetic_agent.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>

#include "shared/clock.h"
#include "shared/ids.h"
#include "shared/messages/ticket.h"

namespace worldshare::swarm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kHelloAgain{2000};
constexpr milliseconds kFirstRetry{200};
constexpr milliseconds kLastRetry{10'000};
/// Leases that are over and still listed. An agent lists 64 of them; with units of a fraction of a
/// second that would be most of the traffic.
constexpr std::size_t kListedReported = 4;

bool is_complete(const wire::AssignmentT& assignment) {
  return is_id(assignment.lease) && messages::is_ticket(assignment.ticket) &&
         assignment.output != nullptr && assignment.output->width > 0 &&
         assignment.output->height > 0;
}

}  // namespace

SyntheticAgent::SyntheticAgent(SwarmServices& services, const Member& member, Behaviour& behaviour)
    : services_(services),
      member_(member),
      behaviour_(behaviour),
      mailbox_("work." + member.key.public_key() + "."),
      inbox_("_INBOX." + member.key.public_key() + "."),
      pause_(kFirstRetry),
      clock_(services.context),
      return_(services.context) {}

SyntheticAgent::~SyntheticAgent() {
  if (link_) link_->close();
}

void SyntheticAgent::start() {
  leaving_ = false;
  connect();
}

void SyntheticAgent::drain() {
  draining_ = true;
  if (link_ && book_) heartbeat();
}

bool SyntheticAgent::idle() const {
  return std::ranges::none_of(
      working_, [](const UnitPtr& unit) { return unit && unit->plan.deed != Deed::kHang; });
}

void SyntheticAgent::leave() {
  leaving_ = true;
  draining_ = true;
  if (link_ && book_) heartbeat();
  drop_everything();
}

void SyntheticAgent::vanish(milliseconds away) {
  ++services_.tally.vanished;
  drop_everything();
  pause_ = away;
  retry_later();
}

void SyntheticAgent::drop_everything() {
  if (link_) {
    link_->close();
    if (book_) {
      --services_.tally.connected;
      ++services_.tally.disconnects;
    }
  }
  link_.reset();
  book_.reset();
  for (auto& unit : working_) {
    if (unit) unit->timer.cancel();
  }
  working_.clear();
  replies_.clear();
  clock_.cancel();
  return_.cancel();
}

void SyntheticAgent::connect() {
  BrokerLink::Events events;
  events.ready = [this] { on_ready(); };
  events.message = [this](const Delivery& delivery) { on_message(delivery); };
  events.closed = [this](const Error& error) {
    spdlog::debug("agent lost its connection agent={} reason=\"{}\"", member_.key.public_key(),
                  error.message);
    drop_everything();
    if (!leaving_) retry_later();
  };
  link_ = std::make_shared<BrokerLink>(services_.context, member_.key, std::move(events));
  link_->connect(services_.broker);
}

void SyntheticAgent::retry_later() {
  const auto half = static_cast<std::uint64_t>(pause_.count() / 2);
  return_.expires_after(milliseconds(half + services_.random() % (half + 1)));
  pause_ = std::min(pause_ * 2, kLastRetry);
  return_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled && !leaving_ && !link_) connect();
  });
}

void SyntheticAgent::on_ready() {
  ++services_.tally.connects;
  ++services_.tally.connected;
  pause_ = kFirstRetry;
  book_ = std::make_unique<agent::LeaseBook>(services_.slots);
  working_.assign(services_.slots, nullptr);
  told_free_.assign(services_.slots, {});
  started_ms_ = unix_ms(SystemClock().now());
  sequence_ = 0;
  link_->subscribe(mailbox_ + "*");
  link_->subscribe(inbox_ + "*");
  say_hello();
}

void SyntheticAgent::on_message(const Delivery& delivery) {
  if (delivery.subject.starts_with(mailbox_)) return on_mailbox(delivery.subject, delivery.data);
  if (!delivery.subject.starts_with(inbox_)) return;
  const auto token = delivery.subject.substr(inbox_.size());
  std::uint64_t number = 0;
  std::from_chars(token.data(), token.data() + token.size(), number);
  const auto found = replies_.find(number);
  if (found == replies_.end()) return;
  const Reply reply = std::move(found->second);
  replies_.erase(found);
  // "No responders": whoever asked tries again when his time is over.
  if (!delivery.header.starts_with("NATS/1.0 503")) reply(delivery);
}

std::string SyntheticAgent::new_inbox(Reply reply) {
  replies_[++next_reply_] = std::move(reply);
  return inbox_ + std::to_string(next_reply_);
}

void SyntheticAgent::request(const std::string& verb, ByteView data, Reply reply) {
  link_->publish("rpc." + member_.key.public_key() + "." + verb, new_inbox(std::move(reply)), data);
}

void SyntheticAgent::say_hello() {
  request("hello", {}, [this](const Delivery& reply) { on_hello(reply); });
  return_.expires_after(kHelloAgain + milliseconds(services_.random() % kHelloAgain.count()));
  return_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled && link_ && book_) say_hello();
  });
}

void SyntheticAgent::on_hello(const Delivery& reply) {
  const auto hello = messages::decode<wire::HelloReplyT>(reply.data);
  if (!hello || hello->error) {
    ++services_.tally.refused;
    return;
  }
  return_.cancel();
  ++services_.tally.hellos;
  if (hello->heartbeat_ms > 0) every_ = milliseconds(hello->heartbeat_ms);
  heartbeat();
}

void SyntheticAgent::on_mailbox(std::string_view subject, ByteView data) {
  const std::string_view token = subject.substr(mailbox_.size());
  std::uint32_t slot = 0;
  const auto [end_of_number, error] =
      std::from_chars(token.data(), token.data() + token.size(), slot);
  auto work = messages::decode<wire::WorkT>(data);
  if (error != std::errc{} || slot >= working_.size() || !work) return;
  if (auto* assignment = work->body.AsAssignment()) {
    if (is_complete(*assignment)) begin(slot, std::move(*assignment));
  } else if (const auto* over = work->body.AsStop()) {
    ++services_.tally.stops;
    if (working_[slot] && working_[slot]->assignment.lease == over->lease) {
      this->end(working_[slot], false);
    }
  }
}

void SyntheticAgent::heartbeat() {
  heartbeat_is_due_ = false;
  const auto sent_at = steady_clock::now();
  ++services_.tally.heartbeats;
  const wire::AgentStateT now = state();
  for (const std::uint32_t slot : now.free_slots) {
    // A slot that never worked waits for work, not for the dispatcher.
    if (told_free_[slot] == steady_clock::time_point::max()) told_free_[slot] = sent_at;
  }
  link_->publish("hb." + member_.key.public_key(), {}, messages::encode(now));
  next_heartbeat_ = steady_clock::time_point::max();
  heartbeat_within(every_);
}

void SyntheticAgent::heartbeat_soon() {
  if (std::exchange(heartbeat_is_due_, true)) return;
  boost::asio::post(services_.context, [this] {
    if (heartbeat_is_due_ && link_ && book_) heartbeat();
  });
}

void SyntheticAgent::heartbeat_within(milliseconds time) {
  const auto at = steady_clock::now() + time;
  if (at >= next_heartbeat_) return;
  next_heartbeat_ = at;
  clock_.expires_at(at);
  clock_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled && link_ && book_) heartbeat();
  });
}

wire::AgentStateT SyntheticAgent::state() {
  wire::AgentStateT out;
  out.agent = member_.key.public_key();
  out.sequence = ++sequence_;
  out.started_ms = started_ms_;
  out.capabilities = std::make_unique<wire::CapabilitiesT>(services_.capabilities);
  out.slots = services_.slots;
  out.draining = draining_;
  out.shared_tickets = true;
  if (!draining_) out.free_slots = book_->free_slots();
  auto leases = book_->leases();
  const auto over =
      std::ranges::find(leases, wire::LeasePhase::reported, &wire::LeaseProgressT::phase);
  if (const auto count = static_cast<std::size_t>(leases.end() - over); count > kListedReported) {
    leases.erase(over, leases.end() - static_cast<std::ptrdiff_t>(kListedReported));
  }
  for (auto& lease : leases) {
    out.leases.push_back(std::make_unique<wire::LeaseProgressT>(std::move(lease)));
  }
  return out;
}

}  // namespace worldshare::swarm
