#include "dispatcher/outgoing.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/log.h"
#include "shared/messages/news.h"
#include "shared/messages/ticket.h"
#include "shared/sharding/audit_plan.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5000ms;
/// A busy agent's heartbeats are many, and each showing is a message that the broker stores; what
/// is shown lasts 90 s.
constexpr auto kShowEvery = 20s;

std::string mailbox(const std::string& agent, std::uint32_t slot) {
  return "work." + agent + "." + std::to_string(slot);
}

std::unique_ptr<wire::AuditT> audit_of(const AuditOrder& order,
                                       const messages::Shard& shard,
                                       const wire::OutputT& output) {
  const auto plan = sharding::plan_audit(order.seed, order.tiles, order.samples, shard,
                                         {output.width, output.height});
  auto out = std::make_unique<wire::AuditT>();
  out->samples = plan.samples;
  for (const auto& box : plan.tiles) {
    auto tile = std::make_unique<wire::TileT>();
    tile->x0 = box.x0;
    tile->y0 = box.y0;
    tile->x1 = box.x1;
    tile->y1 = box.y1;
    out->tiles.push_back(std::move(tile));
  }
  return out;
}

}  // namespace

Result<Outgoing> Outgoing::open(const Parts& parts) {
  auto mailboxes = nats::BackgroundPublisher::open(parts.nats, kPatience);
  if (!mailboxes) return std::unexpected(mailboxes.error());
  return Outgoing(parts, std::move(*mailboxes));
}

void Outgoing::assign(std::span<const LeaseOrder> orders) {
  // Those that share signatures come first.
  std::vector<const LeaseOrder*> sorted;
  for (const auto& order : orders) sorted.push_back(&order);
  const auto alone = std::ranges::partition(sorted, &LeaseOrder::shared_ticket);
  std::vector<messages::Ticket> texts;
  for (const auto* order : sorted) {
    const wire::ManifestT& manifest = order->job->manifest;
    texts.push_back({order->lease->id, order->lease->agent, manifest.scene->sha256,
                     shard_of(*order->unit, order->lease->half, manifest)});
  }
  const auto shared = sorted.size() - alone.size();
  auto tickets = messages::sign_tickets(parts_.key, std::span(texts).first(shared));
  for (const auto& text : std::span(texts).subspan(shared))
    tickets.push_back(messages::sign_ticket(parts_.key, text));
  for (std::size_t i = 0; i < sorted.size(); ++i)
    assign(*sorted[i], texts[i].shard, std::move(tickets[i]));
}

void Outgoing::assign(const LeaseOrder& order, const messages::Shard& shard, Bytes ticket) {
  const Lease& lease = *order.lease;
  const wire::ManifestT& manifest = order.job->manifest;
  wire::AssignmentT assignment;
  assignment.lease = lease.id;
  assignment.ticket = std::move(ticket);
  assignment.scene = std::make_unique<wire::SceneRefT>(*manifest.scene);
  assignment.scene_url = scene_url(*manifest.scene);
  assignment.frame = shard.frame;
  assignment.shard = messages::to_wire(shard);
  if (lease.audit && !lease.audit->whole())
    assignment.audit = audit_of(*lease.audit, shard, *manifest.output);
  assignment.output = std::make_unique<wire::OutputT>(*manifest.output);
  assignment.engine = manifest.requirements->engine;
  assignment.time_limit_seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(parts_.config.time_limit).count());
  wire::WorkT work;
  work.body.Set(std::move(assignment));
  const auto sent = mailboxes_->publish(mailbox(lease.agent, lease.slot), messages::encode(work),
                                        lease.id, "lease " + lease.id);
  if (!sent)
    spdlog::warn("assignment not sent lease={} error=\"{}\"", lease.id, sent.error().message);
}

void Outgoing::stop(const std::vector<StopOrder>& orders) {
  for (const auto& order : orders) {
    wire::StopT stop;
    stop.lease = order.lease;
    stop.reason = order.reason;
    wire::WorkT work;
    work.body.Set(std::move(stop));
    const auto sent = parts_.nats.publish(mailbox(order.agent, order.slot), messages::encode(work),
                                          {{"Summary", "stop " + order.lease}});
    if (!sent)
      spdlog::warn("stop not sent lease={} error=\"{}\"", order.lease, sent.error().message);
  }
}

void Outgoing::hint(const std::string& agent, const Job& job) {
  const wire::SceneRefT& scene = *job.manifest.scene;
  wire::NextSceneT next;
  next.scene = std::make_unique<wire::SceneRefT>(scene);
  next.scene_url = scene_url(scene);
  wire::WorkT work;
  work.body.Set(std::move(next));
  // One that is lost costs the time of a download.
  (void)parts_.nats.publish("work." + agent + ".next", messages::encode(work),
                            {{"Summary", "likely next: scene " + scene.sha256.substr(0, 12)}});
}

std::string Outgoing::scene_url(const wire::SceneRefT& scene) const {
  return blobs::url_to_get(parts_.store, parts_.signer, scene.sha256, scene.size_bytes,
                           parts_.clock.now(), parts_.config.url_lifetime);
}

void Outgoing::event(wire::EventKind kind,
                     const std::string& job,
                     std::int32_t frame,
                     const std::string& owner,
                     const std::string& message) {
  events({messages::event_of(kind, job, frame, owner, message)});
}

void Outgoing::events(std::vector<wire::EventT> all) {
  const std::uint64_t now = unix_ms(parts_.clock.now());
  for (auto& event : messages::few_of_many(std::move(all))) {
    event.time_ms = now;
    const std::string name = wire::EnumNameEventKind(event.kind);
    (void)parts_.nats.publish("events." + event.job + "." + name, messages::encode(event),
                              {{"Summary", fmt::format("{} frame {} {} {}", name, event.frame,
                                                       event.owner, event.message)}});
  }
}

void Outgoing::show(const std::string& owner, const wire::AgentStateT& state) {
  const auto now = std::chrono::steady_clock::now();
  auto& last = shown_[state.agent];
  if (now - last < kShowEvery) return;
  last = now;
  const std::string text = fmt::format(
      R"({{"owner": "{}", "slots": {}, "free": {}, "leases": {}, "scenes": {}}})", owner,
      state.slots, state.free_slots.size(), state.leases.size(), state.scenes.size());
  (void)parts_.nats.publish("$KV.agents." + state.agent, as_bytes(text));
}

}  // namespace worldshare::dispatcher
