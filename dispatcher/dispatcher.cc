#include "dispatcher/dispatcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "dispatcher/clock_jump.h"
#include "shared/log.h"
#include "shared/messages/news.h"
#include "shared/signals.h"

// The loop. What news does to the economy: digest.cc; the threads that bring it: feeds.cc.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr auto kSlowTick = 3s;
constexpr auto kLeadRetry = 500ms;
constexpr std::size_t kFewUnitIds = 4'096;
constexpr std::size_t kGrantsAtOnce = 1'000;

std::string leader_name() {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  return fmt::format("{}:{}", host, ::getpid());
}

EconomyOptions options_of(const Config& config) {
  EconomyOptions options = config.economy;
  options.roster.silence = options.heartbeat * 3 + 2s;
  options.lease_longest = config.time_limit + options.report_grace;
  return options;
}

}  // namespace

Dispatcher::Dispatcher(const DispatcherParts& parts, Ledger ledger, Outgoing outgoing)
    : parts_(parts),
      ledger_(std::move(ledger)),
      outgoing_(std::move(outgoing)),
      economy_(options_of(parts.config), random_below) {}

void Dispatcher::run(std::stop_token stop) {
  parts_.board.on_question([this] { inbox_.wake(); });
  while (!stop.stop_requested()) {
    const Result<> outcome = lead(stop);
    post_notice(false);
    if (outcome || stop.stop_requested()) continue;
    spdlog::warn("economy starts over error=\"{}\"", outcome.error().message);
    sleep_unless_stopped(stop, kLeadRetry);
  }
  parts_.board.on_question({});
}

Result<> Dispatcher::lead(std::stop_token stop) {
  const auto leads = ledger_.leadership().take(leader_name());
  if (!leads) return std::unexpected(leads.error());
  if (!*leads) {
    sleep_unless_stopped(stop, kLeadRetry);
    return {};
  }
  const std::uint64_t generation = ledger_.generation();
  ClockJump clock_jump(parts_.clock);
  if (auto ok = rebuild(); !ok) return ok;
  spdlog::info("economy leads epoch={} jobs={} leases={}", ledger_.leadership().epoch(),
               economy_.job_count(), economy_.lease_count());
  post_notice(true);
  std::jthread heartbeats([this](std::stop_token end) { feed_heartbeats(end); });
  std::jthread verdicts([this](std::stop_token end) { feed_verdicts(end); });
  std::jthread control([this](std::stop_token end) { feed_control(end); });
  bool more = false;
  while (!stop.stop_requested()) {
    auto notices = inbox_.drain(stop, more ? 0ms : kTick);
    if (const auto by = clock_jump.noticed()) return begin_anew(*by);
    oldest_news_ = notices.empty() ? std::chrono::steady_clock::now() : notices.front().came;
    const auto granted = economy_.counters().granted;
    if (auto ok = digest(std::move(notices)); !ok) return ok;
    if (auto ok = slow_tick(); !ok) return ok;
    more = economy_.counters().granted - granted >= kGrantsAtOnce;
    if (ledger_.generation() != generation)
      return fail(Errc::kUnavailable, "the database session was replaced");
  }
  return {};
}

/// The ends of leases and when agents were heard are times of the clock as it was.
Result<> Dispatcher::begin_anew(std::chrono::seconds jump) {
  economy_ = Economy(options_of(parts_.config), random_below);
  return fail(Errc::kUnavailable, fmt::format("the clock was set by {} s", jump.count()));
}

Result<> Dispatcher::rebuild() {
  Economy fresh(options_of(parts_.config), random_below);
  fresh.adopt_nodes(std::move(economy_));
  economy_ = std::move(fresh);
  agents_.clear();
  versions_.clear();
  facts_.clear();
  records_version_ = 0;
  if (auto ok = load_terms(); !ok) return ok;
  auto jobs = live_jobs(ledger_.connection());
  if (!jobs) return std::unexpected(jobs.error());
  auto units = all_open_units(ledger_.connection());
  if (!units) return std::unexpected(units.error());
  adopt(std::move(*jobs), std::move(*units));
  if (auto ok = load_changes(); !ok) return ok;
  return take_wishes();
}

void Dispatcher::adopt(std::vector<JobRow> rows, std::vector<StoredUnit> units) {
  const auto now = parts_.clock.now();
  for (auto& row : rows) {
    versions_[row.id] = row.version;
    version_ = std::max(version_, row.version);
    if (row.job) {
      economy_.add_job(std::move(*row.job), now);
    } else if (economy_.has_job(row.id)) {
      outgoing_.stop(economy_.drop_job(row.id, "the job was " + row.state));
    }
    if (row.state == "completed") economy_.job_completed(row.id);
  }
  // The agents could not be heard while nobody led: they get the time to say what they hold.
  const EconomyOptions& economy = parts_.config.economy;
  const auto grace = now + economy.heartbeat * 2 + 5s;
  // Who wrote an end that nothing could have put so late had another clock.
  const auto latest = std::max(
      grace, now + std::max({economy.lease_initial, economy.lease_extend, economy.report_grace}));
  for (auto& unit : units) {
    for (auto& lease : unit.leases) {
      lease.expires_at = std::clamp(lease.expires_at, grace, latest);
      lease.granted_at = std::min(lease.granted_at, now);
    }
    economy_.add_unit(std::move(unit));
  }
}

Result<> Dispatcher::load_jobs(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  auto rows = jobs_by_id(ledger_.connection(), ids);
  if (!rows) return std::unexpected(rows.error());
  auto units = open_units(ledger_.connection(), ids);
  if (!units) return std::unexpected(units.error());
  adopt(std::move(*rows), std::move(*units));
  return {};
}

Result<> Dispatcher::load_changes() {
  auto changes = changed_jobs(ledger_.connection(), version_);
  if (!changes) return std::unexpected(changes.error());
  std::vector<std::string> ids;
  for (const auto& change : *changes) {
    const auto known = versions_.find(change.id);
    if (known == versions_.end() || known->second != change.version) ids.push_back(change.id);
  }
  return load_jobs(ids);
}

Result<> Dispatcher::load_terms() {
  auto terms = tenant_terms(ledger_.connection());
  if (!terms) return std::unexpected(terms.error());
  for (const auto& [tenant, term] : *terms) economy_.set_terms(tenant, term);
  return {};
}

Result<> Dispatcher::tick() {
  const auto now = parts_.clock.now();
  const Expired expired = economy_.expire(now);
  if (!expired.leases.empty()) {
    spdlog::warn("leases ran out count={} first={}", expired.leases.size(), expired.leases.front());
    if (auto ok = ledger_.expire(expired.leases); !ok) return ok;
    outgoing_.stop(expired.stop);
    if (auto ok = fail_units(expired.failed); !ok) return ok;
  }
  answer_questions();
  return {};
}

Result<> Dispatcher::slow_tick() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_slow_tick_) return {};
  next_slow_tick_ = now + kSlowTick;
  const auto extended = economy_.take_extended(parts_.clock.now());
  if (!extended.empty()) {
    if (auto ok = ledger_.extend(extended); !ok) return ok;
  }
  if (auto ok = take_assembled(); !ok) return ok;
  if (auto ok = note_presence(); !ok) return ok;
  auto changed = changed_agents(ledger_.connection());
  if (!changed) return std::unexpected(changed.error());
  if (auto ok = know_agents(*changed); !ok) return ok;
  if (auto ok = load_terms(); !ok) return ok;
  post_notice(true);
  if (auto ok = load_changes(); !ok) return ok;  // a nudge may have been lost
  return take_wishes();
}

Result<> Dispatcher::dispatch() {
  if (economy_.unit_ids() < kFewUnitIds && economy_.job_count() > 0) {
    auto ids = ledger_.reserve_units(kFewUnitIds);
    if (!ids) return std::unexpected(ids.error());
    economy_.add_unit_ids(std::move(*ids));
  }
  const Grants grants = economy_.match(parts_.clock.now(), kGrantsAtOnce);
  if (grants.leases.empty()) return {};
  // The row first, the message second: a lease that nobody wrote is never heard of.
  const auto refused = ledger_.write(grants);
  if (!refused) return std::unexpected(refused.error());
  send(grants, *refused);
  if (refused->empty()) return {};
  return take_back(grants, *refused);
}

/// A person stopped these jobs in this moment. What they had before comes back from the rows.
Result<> Dispatcher::take_back(const Grants& grants, const std::set<std::string>& jobs) {
  std::vector<StopOrder> stops;
  for (const auto& job : jobs)
    std::ranges::move(economy_.drop_job(job, "the job was stopped"), std::back_inserter(stops));
  auto loaded = load_jobs({jobs.begin(), jobs.end()});
  std::set<std::string> unheard;
  for (const auto& lease : grants.leases) unheard.insert(lease.id);
  std::erase_if(stops, [&](const StopOrder& stop) {
    return unheard.contains(stop.lease) || economy_.lease(stop.lease) != nullptr;
  });
  outgoing_.stop(stops);
  return loaded;
}

void Dispatcher::send(const Grants& grants, const std::set<std::string>& refused) {
  for (const auto& job : grants.progress) {
    if (refused.contains(job.job) || job.position != job.made.size()) continue;
    const std::string whole = economy_.whole_because(job.job);
    outgoing_.event(wire::EventKind::job_started, job.job, 0, "",
                    whole.empty() ? "first frames" : whole);
  }
  std::vector<LeaseOrder> orders;
  std::vector<wire::EventT> given;
  for (const auto& lease : grants.leases) {
    if (refused.contains(lease.job)) continue;
    const Unit* unit = economy_.unit(lease.unit);
    const Job* job = economy_.job(lease.job);
    if (unit == nullptr || job == nullptr) continue;
    orders.push_back(order_of(lease, *unit, *job));
    given.push_back(messages::event_of(wire::EventKind::frame_leased, lease.job, unit->shard.frame,
                                       lease.owner));
  }
  outgoing_.assign(orders);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - oldest_news_;
  for (std::size_t i = 0; i < orders.size(); ++i) dispatch_seconds_.add(time.count());
  outgoing_.events(std::move(given));
}

LeaseOrder Dispatcher::order_of(const Lease& lease, const Unit& unit, const Job& job) const {
  const auto node = economy_.roster().find(lease.agent);
  return {&lease, &unit.shard, &job, node && economy_.roster().node(*node).shared_tickets};
}

void Dispatcher::answer_questions() {
  std::map<std::string, std::string> answers;
  for (const auto& job : parts_.board.take_questions())
    answers[job] = economy_.waiting(job, parts_.clock.now());
  if (!answers.empty()) parts_.board.answer(answers);
}

double Dispatcher::outbox_lag() {
  auto rows = ledger_.connection().exec(
      "select coalesce(extract(epoch from now() - min(decided_at)), 0) from verdicts where "
      "published_at is null");
  return rows ? rows->real(0, 0) : 0;
}

void Dispatcher::post_notice(bool leader) {
  Board::Notice notice;
  notice.leader = leader;
  if (leader) {
    Figures& figures = notice.figures;
    notice.nodes_online = economy_.nodes_online();
    notice.trusted_owners = economy_.roster().appointed();
    figures.economy = economy_.counters();
    figures.depths = economy_.depths();
    figures.mailboxes = outgoing_.counts();
    figures.dispatch_seconds = dispatch_seconds_;
    figures.units_accepted = units_accepted_;
    figures.units_failed = units_failed_;
    figures.verdicts = verdicts_;
    figures.redelivered = redelivered_;
    figures.leases = economy_.lease_count();
    figures.open_units = economy_.unit_count();
    figures.epoch = ledger_.leadership().epoch();
    figures.outbox_lag_seconds = outbox_lag();
    auto ages = economy_.lease_ages(parts_.clock.now());
    if (!ages.empty()) {
      const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
      std::ranges::nth_element(ages, middle);
      figures.lease_age_median_seconds = *middle;
      figures.lease_age_oldest_seconds = std::ranges::max(ages);
    }
  }
  parts_.board.post(std::move(notice));
}

}  // namespace worldshare::dispatcher
