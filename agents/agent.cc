#include "agents/agent.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "agents/backoff.h"
#include "agents/control_socket.h"
#include "agents/credential.h"
#include "agents/disk.h"
#include "agents/dispatcher_client.h"
#include "agents/lease_book.h"
#include "agents/machine_trouble.h"
#include "agents/mailbox.h"
#include "agents/politeness/politeness.h"
#include "agents/scenes/prefetcher.h"
#include "agents/scenes/scene_cache.h"
#include "agents/slot.h"
#include "agents/status_page.h"
#include "agents/work_gate.h"
#include "agents/work_history.h"
#include "agents/workforce.h"
#include "shared/clock.h"
#include "shared/file_lock.h"
#include "shared/messages/messages.h"

namespace worldshare::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kShortestHeartbeat{100};  // between two of them: at most 10 a second
constexpr milliseconds kLeaveTime{3000};
constexpr std::size_t kListedScenes = 500;
// Who closes the gate.
constexpr const char* kDevices = "devices";
constexpr const char* kOwner = "owner";
constexpr const char* kMachine = "machine";
constexpr const char* kEnd = "end";

/// Whether a unit in work is likely done within `left`, going by its progress so far.
bool can_finish(const LeaseBook::Work& work, milliseconds left) {
  if (work.phase >= wire::LeasePhase::uploading) return true;
  if (work.progress <= 0) return false;
  const std::chrono::duration<double, std::milli> spent = steady_clock::now() - work.began;
  return spent * (1 - work.progress) / work.progress < left;
}

/// Two agents in one folder would take each other's assignments and remove each other's files.
Result<FileLock> take_state_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Errc::kUnavailable, "cannot create " + folder.string());
  auto lock = FileLock::try_take(folder / "agent.lock");
  if (lock || lock.error().code != Errc::kConflict) return lock;
  return fail(Errc::kConflict,
              fmt::format("another worldshare-agent runs with this state folder ({}); stop it, or "
                          "give this one an agent.state_folder and a key of its own",
                          std::filesystem::absolute(folder).string()));
}

}  // namespace

struct Agent::Impl final : Mailbox::Reader {
  Impl(const Config& settings,
       FileLock own_folder,
       NKey own_key,
       Sandbox own_sandbox,
       Workforce own_workforce)
      : config(settings),
        folder(std::move(own_folder)),
        key(std::move(own_key)),
        sandbox(std::move(own_sandbox)),
        workforce(std::move(own_workforce)),
        book(static_cast<std::uint32_t>(workforce.slots.size()), settings.prefetch),
        trouble(gate, book, settings.trouble_pause),
        politeness(settings.work, Machine(), clock) {}

  void open_page();
  std::string answer(const std::string& line);
  std::optional<double> ask_credit();

  std::unique_ptr<nats::Connection> connect(const std::stop_token& stop);
  bool say_hello(const std::stop_token& stop);
  void assign(std::uint32_t slot, wire::AssignmentT assignment) override;
  void stop_lease(std::uint32_t slot, const wire::StopT& stop) override;
  void expect(wire::NextSceneT next) override;
  void send_heartbeats(const std::stop_token& stop);
  /// Why this is no time to work; empty: it is. Closes and opens the gate.
  std::string look_at_machine();
  void watch_machine(const std::stop_token& stop);
  void drain();
  void leave();
  wire::AgentStateT state(bool draining);

  const Config config;
  const FileLock folder;  // of the state folder
  const NKey key;
  const Sandbox sandbox;
  const Workforce workforce;
  const std::uint64_t started_ms = unix_ms(SystemClock().now());
  std::uint64_t sequence = 0;
  milliseconds heartbeat{0};
  const SystemClock clock;
  LeaseBook book;
  WorkGate gate;
  MachineTrouble trouble;
  Politeness politeness;  // of the watching thread
  WorkHistory history;
  std::unique_ptr<SceneCache> scenes;
  std::unique_ptr<nats::Connection> connection;
  std::optional<DispatcherClient> client;
  std::optional<Prefetcher> prefetcher;
  std::optional<SlotServices> services;
  std::vector<std::unique_ptr<Slot>> slots;
  std::optional<StatusPage> page;
  std::unique_ptr<ControlSocket> socket;  // behind all that its answers tell of
};

Agent::Agent() = default;
Agent::~Agent() = default;

const std::string& Agent::id() const { return impl_->key.public_key(); }

Result<std::unique_ptr<Agent>> Agent::open(const Config& config) {
  auto valid = config.check();
  if (!valid) return std::unexpected(valid.error());
  auto key = NKey::load(config.seed_file);
  if (!key) return std::unexpected(key.error());
  auto folder = take_state_folder(config.state_folder);
  if (!folder) return std::unexpected(folder.error());
  BlenderOptions options;
  options.blender = config.blender;
  options.scratch = config.state_folder / "scratch" / "probe";
  auto sandbox = Sandbox::open(config.sandbox_of_slots());
  if (!sandbox) return std::unexpected(sandbox.error());
  options.sandbox = *sandbox;
  auto workforce = Workforce::open(config, options);
  if (!workforce) return std::unexpected(workforce.error());
  auto scenes = SceneCache::open(config.state_folder / "scenes", config.cache_bytes,
                                 [config] { return usable_disk_bytes(config); });
  if (!scenes) return std::unexpected(scenes.error());
  auto agent = std::unique_ptr<Agent>(new Agent());
  agent->impl_ = std::make_unique<Impl>(config, std::move(*folder), std::move(*key),
                                        std::move(*sandbox), std::move(*workforce));
  agent->impl_->heartbeat = config.heartbeat;
  agent->impl_->scenes = std::move(*scenes);
  agent->impl_->gate.close(kDevices, agent->impl_->workforce.trouble);
  agent->impl_->open_page();
  return agent;
}

void Agent::run(std::stop_token stop) {
  Impl& self = *impl_;
  const std::jthread credential(
      [&](const std::stop_token& end) { keep_credential(self.config, self.key, end); });
  self.page->set_stage(StatusPage::Stage::connecting);
  self.connection = self.connect(stop);
  if (!self.connection) return;
  DispatcherClient& client = self.client.emplace(*self.connection, id());
  auto mailbox =
      Mailbox::open(client, id(), static_cast<std::uint32_t>(self.workforce.slots.size()));
  if (!mailbox) {
    spdlog::error("cannot subscribe reason=\"{}\"", mailbox.error().message);
    return;
  }
  self.page->set_stage(StatusPage::Stage::greeting);
  if (!self.say_hello(stop)) return;
  self.page->set_credit_source([&self] { return self.ask_credit(); });
  self.page->set_stage(StatusPage::Stage::serving);
  const http::ClientOptions web = self.config.web();
  Prefetcher& prefetcher = self.prefetcher.emplace(*self.scenes, web);
  SlotServices& services = self.services.emplace(
      SlotServices{self.config, self.key, self.sandbox, web, self.workforce.capabilities.blender,
                   client, *self.scenes, self.book, self.history, self.trouble, prefetcher});
  for (std::uint32_t slot = 0; slot < self.workforce.slots.size(); ++slot) {
    self.slots.push_back(std::make_unique<Slot>(slot, self.workforce.slots[slot], services));
  }
  const std::jthread reader([&](const std::stop_token& end) { mailbox->read(end, self); });
  // Before the first heartbeat offers anything.
  self.look_at_machine();
  std::jthread watcher([&](const std::stop_token& end) { self.watch_machine(end); });
  self.send_heartbeats(stop);
  watcher = {};
  self.page->set_stage(StatusPage::Stage::leaving);
  self.drain();
  self.page->set_credit_source({});
  self.leave();
}

void Agent::Impl::open_page() {
  page.emplace(StatusPage::Parts{config, key.public_key(), workforce.capabilities, workforce.slots,
                                 book, gate, history, *scenes});
  auto opened = ControlSocket::open(config.socket_file(),
                                    [this](const std::string& line) { return answer(line); });
  if (opened) {
    socket = std::move(*opened);
  } else {
    spdlog::warn("no status page reason=\"{}\"", opened.error().message);
  }
}

std::string Agent::Impl::answer(const std::string& line) {
  if (line == "pause" || line == "resume") {
    const bool changed =
        line == "pause" ? gate.close(kOwner, "paused by its owner") : gate.open(kOwner);
    if (changed) {
      spdlog::info("{} by its owner", line == "pause" ? "paused" : "resumed");
      book.nudge();
    }
  } else if (line != "status") {
    return R"({"error": "known are: status, pause, resume"})";
  }
  return page->json();
}

std::optional<double> Agent::Impl::ask_credit() {
  const auto reply = client->hello();
  if (!reply) return std::nullopt;
  page->set_terms(*reply);
  return reply->credit;
}

std::unique_ptr<nats::Connection> Agent::Impl::connect(const std::stop_token& stop) {
  const nats::ConnectOptions options = config.broker(key);
  Backoff backoff;
  while (!stop.stop_requested()) {
    auto opened = nats::Connection::open(options);
    if (opened) return std::move(*opened);
    page->set_stage(StatusPage::Stage::connecting, opened.error().message);
    spdlog::warn("no broker yet url={} agent={} reason=\"{}\"", config.nats_url, key.public_key(),
                 opened.error().message);
    if (!backoff.wait(stop)) break;
  }
  return nullptr;
}

bool Agent::Impl::say_hello(const std::stop_token& stop) {
  Backoff backoff;
  while (!stop.stop_requested()) {
    auto reply = client->hello();
    if (reply) {
      if (reply->heartbeat_ms > 0) heartbeat = milliseconds(reply->heartbeat_ms);
      spdlog::info("enrolled agent={} owner={} heartbeat_ms={}", key.public_key(), reply->owner,
                   heartbeat.count());
      page->set_terms(*reply);
      if (!reply->notice.empty()) spdlog::warn("no work for now reason=\"{}\"", reply->notice);
      return true;
    }
    const bool refused =
        reply.error().code == Errc::kDenied || reply.error().code == Errc::kNotFound;
    page->set_stage(StatusPage::Stage::greeting, reply.error().message);
    spdlog::warn("{} agent={} reason=\"{}\"", refused ? "not enrolled" : "no dispatcher yet",
                 key.public_key(), reply.error().message);
    if (!backoff.wait(stop)) break;
  }
  return false;
}

void Agent::Impl::assign(std::uint32_t slot, wire::AssignmentT assignment) {
  slots[slot]->assign(std::move(assignment));
}

void Agent::Impl::stop_lease(std::uint32_t slot, const wire::StopT& stop) {
  slots[slot]->stop_lease(stop.lease, stop.reason);
}

void Agent::Impl::expect(wire::NextSceneT next) {
  if (gate.reason().empty()) prefetcher->fetch(std::move(next));
}

void Agent::Impl::send_heartbeats(const std::stop_token& stop) {
  bool away = false;
  while (!stop.stop_requested()) {
    const auto sent_at = steady_clock::now();
    const bool sent = client->heartbeat(state(false)).has_value();
    if (sent && away && !say_hello(stop)) return;
    if (sent == away) {
      spdlog::info("broker is {}", sent ? "back" : "away");
      if (sent) page->set_stage(StatusPage::Stage::serving);
    }
    away = !sent;
    // Until the broker is back its return is what matters.
    if (away) {
      page->set_stage(StatusPage::Stage::broker_away, connection->trouble());
      if (!sleep_unless_stopped(stop, std::min(heartbeat, milliseconds(500)))) return;
      continue;
    }
    book.wait_for_change(stop, sent_at + heartbeat);
    const auto rest = kShortestHeartbeat - (steady_clock::now() - sent_at);
    if (rest > rest.zero()) {
      sleep_unless_stopped(stop, std::chrono::duration_cast<milliseconds>(rest) + milliseconds(1));
    }
  }
}

std::string Agent::Impl::look_at_machine() {
  trouble.look();
  if (const auto lacking = lacking_disk_bytes(config); lacking > 0) scenes->free_up(lacking);
  std::string reason = disk_objection(config);
  if (reason.empty()) reason = politeness.objection();
  if (gate.close(kMachine, reason)) {
    spdlog::info("{}", reason.empty() ? "work may go on" : "no more work reason=" + reason);
    book.nudge();
  }
  return reason;
}

void Agent::Impl::watch_machine(const std::stop_token& stop) {
  auto good_until = steady_clock::now();
  while (sleep_unless_stopped(stop, config.work.look_every)) {
    const std::string reason = look_at_machine();
    if (reason.empty()) {
      good_until = steady_clock::now();
    } else if (steady_clock::now() - good_until >= config.work.grace) {
      for (const auto& slot : slots) slot->hand_back(reason);
    }
  }
}

void Agent::Impl::drain() {
  gate.close(kEnd, "the program ends");
  const auto until = steady_clock::now() + config.drain;
  std::set<std::uint32_t> given_up;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    const auto works = book.works();
    for (const auto& work : works) {
      if (can_finish(work, left) || !given_up.insert(work.slot).second) continue;
      spdlog::info("unit is handed back slot={} frame={} progress={:.2f}", work.slot, work.frame,
                   work.progress);
      slots[work.slot]->hand_back("the program ends");
    }
    const bool hope =
        std::ranges::any_of(works, [&](const auto& work) { return !given_up.contains(work.slot); });
    if (!hope || left <= left.zero()) return;
    // A lost one is made good by the next.
    std::ignore = client->heartbeat(state(true));
    book.wait_for_change({}, std::min(until, steady_clock::now() + milliseconds(500)));
  }
}

void Agent::Impl::leave() {
  spdlog::info("leaving agent={}", key.public_key());
  for (const auto& slot : slots) slot->shut_down();
  const auto until = steady_clock::now() + kLeaveTime;
  const auto idle = [](const auto& slot) { return slot->idle(); };
  while (!std::ranges::all_of(slots, idle) && steady_clock::now() < until) {
    book.wait_for_change({}, std::min(until, steady_clock::now() + milliseconds(100)));
  }
  // A farewell that is lost only costs the dispatcher the wait for a heartbeat.
  std::ignore = client->heartbeat(state(true));
}

wire::AgentStateT Agent::Impl::state(bool draining) {
  wire::AgentStateT out;
  out.agent = key.public_key();
  out.sequence = ++sequence;
  out.started_ms = started_ms;
  out.capabilities = std::make_unique<wire::CapabilitiesT>(workforce.capabilities);
  out.slots = static_cast<std::uint32_t>(workforce.slots.size());
  out.draining = draining;
  out.shared_tickets = true;
  if (!draining && gate.reason().empty()) out.free_slots = book.free_slots();
  out.awake_seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(politeness.time_left()).count());
  for (auto& lease : book.leases()) {
    // Who takes no more work needs no scene for it.
    lease.wants_next = lease.wants_next && !draining && gate.reason().empty();
    out.leases.push_back(std::make_unique<wire::LeaseProgressT>(std::move(lease)));
  }
  out.scenes = scenes->list();
  if (out.scenes.size() > kListedScenes) out.scenes.resize(kListedScenes);
  return out;
}

}  // namespace worldshare::agent
