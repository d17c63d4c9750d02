#include "dispatcher/dispatcher.h"

#include <fmt/format.h>

#include <thread>

#include "shared/log.h"
#include "shared/messages/manifest.h"
#include "shared/messages/ticket.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr auto kSlowTick = 3s;
constexpr auto kPublishTimeout = 2000ms;
constexpr auto kRetry = 500ms;

std::unique_ptr<wire::SceneRefT> copy(const wire::SceneRefT& scene) {
  return std::make_unique<wire::SceneRefT>(scene);
}

}  // namespace

Dispatcher::Dispatcher(const DispatcherParts& parts, Ledger ledger)
    : parts_(parts), ledger_(std::move(ledger)), economy_(parts.config.economy, random_below) {}

void Dispatcher::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Result<> outcome = lead(stop);
    post_notice(false);
    if (outcome || stop.stop_requested()) continue;
    spdlog::warn("economy starts over error=\"{}\"", outcome.error().message);
    sleep_unless_stopped(stop, kRetry);
  }
}

Result<> Dispatcher::lead(std::stop_token stop) {
  const auto leads = ledger_.try_lead();
  if (!leads) return std::unexpected(leads.error());
  if (!*leads) {
    sleep_unless_stopped(stop, kRetry);
    return {};
  }
  const std::uint64_t generation = ledger_.generation();
  if (auto ok = rebuild(); !ok) return ok;
  spdlog::info("economy leads jobs={}", economy_.job_ids().size());
  std::jthread heartbeats([this](std::stop_token end) { feed_heartbeats(end); });
  std::jthread verdicts([this](std::stop_token end) { feed_verdicts(end); });
  std::jthread jobs([this](std::stop_token end) { feed_jobs(end); });
  while (!stop.stop_requested()) {
    Result<> outcome;
    if (auto notice = inbox_.pop(stop, kTick)) {
      if (auto* state = std::get_if<wire::AgentStateT>(&*notice)) {
        outcome = handle(std::move(*state));
      } else if (auto* verdict = std::get_if<VerdictNotice>(&*notice)) {
        outcome = handle(verdict->verdict);
        verdict->done->set_value(outcome);
        // What this program cannot digest must not stop the others; the feeder has it on record.
        if (!outcome && !is_retryable(outcome.error().code)) outcome = {};
      } else {
        outcome = load_jobs();
        std::get<JobNotice>(*notice).done->set_value(outcome);
      }
    }
    if (outcome) outcome = tick();
    if (outcome) outcome = dispatch();
    if (!outcome) return outcome;
    if (ledger_.generation() != generation)
      return fail(Errc::kUnavailable, "the database session was replaced");
  }
  return {};
}

Result<> Dispatcher::rebuild() {
  Economy fresh(parts_.config.economy, random_below);
  fresh.adopt_nodes(economy_);
  economy_ = std::move(fresh);
  owners_.clear();
  return load_jobs();
}

Result<> Dispatcher::load_jobs() {
  auto jobs = ledger_.open_jobs();
  if (!jobs) return std::unexpected(jobs.error());
  const auto now = parts_.clock.now();
  const auto grace = parts_.config.economy.heartbeat * 2 + 5s;
  for (auto& job : *jobs) {
    if (economy_.has_job(job.id)) continue;
    auto units = ledger_.open_units(job.id);
    if (!units) return std::unexpected(units.error());
    economy_.add_job(std::move(job));
    for (auto& stored : *units) {
      economy_.add_unit(std::move(stored.unit));
      for (auto& lease : stored.leases) {
        // The agents could not be heard while nobody led: they get the time to say what they hold.
        lease.expires_at = std::max(lease.expires_at, now + grace);
        economy_.add_lease(std::move(lease));
      }
    }
  }
  return {};
}

Result<> Dispatcher::handle(wire::AgentStateT state) {
  const std::string agent = state.agent;
  auto known = owners_.find(agent);
  if (known == owners_.end()) {
    auto owner = ledger_.owner_of(agent);
    if (!owner) return std::unexpected(owner.error());
    known = owners_.emplace(agent, *owner).first;
    const std::string render_class = state.capabilities ? state.capabilities->render_class : "";
    if (*owner) {
      spdlog::info("agent is heard owner={} agent={} class={}", **owner, agent, render_class);
      if (auto ok = ledger_.saw_agent(agent, render_class); !ok) return ok;
    }
  }
  if (!known->second) {
    owners_.erase(agent);  // may be enrolled a moment later
    return {};
  }
  show_node(*known->second, state);
  const HeartbeatOutcome outcome =
      economy_.heartbeat(*known->second, std::move(state), parts_.clock.now());
  for (const auto& lease : outcome.resend) send(*economy_.lease(lease));
  send(outcome.stop);
  return {};
}

Result<> Dispatcher::handle(const wire::VerdictT& verdict) {
  auto effect = ledger_.record_verdict(verdict);
  if (!effect) return std::unexpected(effect.error());
  const auto unit_id = static_cast<UnitId>(verdict.unit);
  const Reported reported =
      economy_.reported(verdict.lease, effect->owner, unit_id, verdict.counts);
  send(reported.stop);
  const Unit* unit = economy_.unit(unit_id);
  if (unit == nullptr) return {};
  using wire::Decision;
  if (verdict.decision == Decision::accepted || verdict.decision == Decision::failed) {
    finished(*effect, *unit, verdict.decision == Decision::accepted, verdict.reason);
    return {};
  }
  if (verdict.decision == Decision::more_replicas && verdict.counts) {
    economy_.want(unit_id, std::uint32_t{verdict.opinions} + verdict.replicas_needed);
  }
  if (reported.failed) return fail_units({*reported.failed});
  return {};
}

void Dispatcher::finished(const VerdictEffect& effect,
                          const Unit& unit,
                          bool accepted,
                          const std::string& reason) {
  const std::string job = unit.job;
  if (!accepted)
    spdlog::warn("frame failed job={} frame={} reason=\"{}\"", job, unit.frame, reason);
  send(economy_.close_unit(unit.id, "the frame is finished"));
  if (!effect.job_state) return;
  const bool complete = *effect.job_state == "completed";
  spdlog::info("job ended job={} state={}", job, *effect.job_state);
  publish_event(complete ? wire::EventKind::job_completed : wire::EventKind::job_failed, job, 0, "",
                *effect.job_state);
  economy_.remove_job(job);
}

Result<> Dispatcher::fail_units(const std::vector<UnitFailure>& failures) {
  for (const auto& failure : failures) {
    auto effect = ledger_.fail_unit(failure);
    if (!effect) return std::unexpected(effect.error());
    const Unit* unit = economy_.unit(failure.unit);
    if (unit == nullptr) continue;
    publish_event(wire::EventKind::frame_failed, unit->job, unit->frame, "", failure.reason);
    finished(*effect, *unit, false, failure.reason);
  }
  return {};
}

Result<> Dispatcher::tick() {
  const auto now = parts_.clock.now();
  const Expired expired = economy_.expire(now);
  if (!expired.leases.empty()) {
    spdlog::warn("leases ran out count={} first={}", expired.leases.size(), expired.leases.front());
    if (auto ok = ledger_.expire(expired.leases); !ok) return ok;
    send(expired.stop);
    if (auto ok = fail_units(expired.failed); !ok) return ok;
  }
  if (now < next_slow_tick_) return {};
  next_slow_tick_ = now + kSlowTick;
  const auto dirty = economy_.take_dirty();
  if (!dirty.empty()) {
    if (auto ok = ledger_.extend(dirty); !ok) return ok;
  }
  post_notice(true);
  return load_jobs();  // the notice of a new job may have been lost
}

Result<> Dispatcher::dispatch() {
  const auto now = parts_.clock.now();
  for (const auto& wanted : economy_.wanted_units(now)) {
    auto units = ledger_.make_units(*economy_.job(wanted.job), wanted);
    if (!units) return std::unexpected(units.error());
    if (wanted.first_index == 0)
      publish_event(wire::EventKind::job_started, wanted.job, 0, "", "first frames");
    economy_.frames_made(wanted.job, wanted.count);
    for (auto& unit : *units) economy_.add_unit(std::move(unit));
  }
  const std::vector<Lease> grants = economy_.match(now);
  if (grants.empty()) return {};
  // The row first, the message second: a lease that nobody wrote is never heard of.
  if (auto ok = ledger_.grant(grants); !ok) {
    for (const auto& lease : grants) economy_.cancel(lease.id);
    return ok;
  }
  for (const auto& lease : grants) {
    send(lease);
    const Unit* unit = economy_.unit(lease.unit);
    publish_event(wire::EventKind::frame_leased, unit->job, unit->frame, lease.owner, "");
  }
  return {};
}

void Dispatcher::send(const Lease& lease) {
  const Unit* unit = economy_.unit(lease.unit);
  const Job* job = unit == nullptr ? nullptr : economy_.job(unit->job);
  if (job == nullptr) return;
  const wire::ManifestT& manifest = job->manifest;
  const auto now = parts_.clock.now();
  wire::AssignmentT assignment;
  assignment.lease = lease.id;
  assignment.ticket = messages::sign_ticket(
      parts_.key, {lease.id, lease.agent, manifest.scene->sha256, {unit->frame}});
  assignment.scene = copy(*manifest.scene);
  assignment.scene_url =
      parts_.signer.sign(blobs::Access::kGet, manifest.scene->sha256, manifest.scene->size_bytes,
                         now + parts_.config.url_lifetime);
  assignment.frame = unit->frame;
  assignment.output = std::make_unique<wire::OutputT>(*manifest.output);
  assignment.engine = manifest.requirements->engine;
  assignment.time_limit_seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(parts_.config.time_limit).count());
  wire::WorkT work;
  work.body.Set(std::move(assignment));
  const std::string subject = "work." + lease.agent + "." + std::to_string(lease.slot);
  const auto stored = parts_.nats.publish_stored(subject, messages::encode(work), lease.id,
                                                 "lease " + lease.id, kPublishTimeout);
  economy_.sent(lease.id, now);
  // Not lost: the agent's next heartbeat does not list it, and it is sent again.
  if (!stored)
    spdlog::warn("assignment not sent lease={} error=\"{}\"", lease.id, stored.error().message);
}

void Dispatcher::send(const std::vector<StopOrder>& orders) {
  for (const auto& order : orders) {
    wire::StopT stop;
    stop.lease = order.lease;
    stop.reason = order.reason;
    wire::WorkT work;
    work.body.Set(std::move(stop));
    const std::string subject = "work." + order.agent + "." + std::to_string(order.slot);
    const auto sent =
        parts_.nats.publish(subject, messages::encode(work), {{"Summary", "stop " + order.lease}});
    if (!sent)
      spdlog::warn("stop not sent lease={} error=\"{}\"", order.lease, sent.error().message);
  }
}

void Dispatcher::publish_event(wire::EventKind kind,
                               const std::string& job,
                               std::int32_t frame,
                               const std::string& owner,
                               const std::string& message) {
  wire::EventT event;
  event.job = job;
  event.kind = kind;
  event.time_ms = unix_ms(parts_.clock.now());
  event.frame = frame;
  event.owner = owner;
  event.message = message;
  const std::string name = wire::EnumNameEventKind(kind);
  // Events are news, not truth: one that is lost while the broker is away stays lost.
  (void)parts_.nats.publish(
      "events." + job + "." + name, messages::encode(event),
      {{"Summary", fmt::format("{} frame {} {} {}", name, frame, owner, message)}});
}

void Dispatcher::show_node(const std::string& owner, const wire::AgentStateT& state) {
  // For people: `nats kv watch agents`.
  const std::string text = fmt::format(
      R"({{"owner": "{}", "slots": {}, "free": {}, "leases": {}, "scenes": {}}})", owner,
      state.slots, state.free_slots.size(), state.leases.size(), state.scenes.size());
  (void)parts_.nats.publish("$KV.agents." + state.agent, as_bytes(text));
}

void Dispatcher::post_notice(bool leader) {
  Board::Notice notice;
  notice.leader = leader;
  const auto now = parts_.clock.now();
  notice.nodes_online = economy_.nodes_online(now);
  for (const auto& job : economy_.job_ids()) {
    if (std::string why = economy_.waiting(job, now); !why.empty())
      notice.waiting[job] = std::move(why);
  }
  parts_.board.post(std::move(notice));
}

}  // namespace worldshare::dispatcher
