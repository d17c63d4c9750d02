#include "agents/swarm/swarm.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>

#include "agents/swarm/synthetic_agent.h"
#include "shared/clock.h"
#include "shared/messages/shard.h"
#include "shared/open_files.h"

namespace worldshare::swarm {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto kTick = 20ms;
constexpr auto kReport = 1s;
/// How long work may take to be finished at the end.
constexpr auto kDrainTime = 30s;
constexpr unsigned kUploaders = 4;

/// A socket each, and some for the rest of the program.
Result<> allow_sockets(std::uint32_t agents) {
  const std::uint64_t wanted = std::uint64_t{agents} + 256;
  const std::uint64_t allowed = allow_open_files();
  if (allowed < wanted) {
    return fail(Errc::kInvalid, fmt::format("--agents: {} need {} open files, the limit is {} "
                                            "(ulimit -n)",
                                            agents, wanted, allowed));
  }
  return {};
}

wire::CapabilitiesT capabilities() {
  wire::CapabilitiesT out;
  out.agent_version = WORLDSHARE_VERSION;
  out.render_class = "swarm-0-none";
  out.blender = "99.0";
  out.features = {messages::kSeveralFrames};
  out.engines = {wire::Engine::cycles, wire::Engine::eevee, wire::Engine::workbench};
  out.memory_bytes = 1ULL << 40U;
  out.threads = 1;
  return out;
}

class Swarm {
 public:
  Swarm(const SwarmOptions& options,
        std::vector<Member> members,
        const Latency& latency,
        const BrokerAddress& broker)
      : options_(options),
        members_(std::move(members)),
        random_(options.seed),
        uploader_(context_, kUploaders),
        services_{context_, broker, capabilities(), options.slots, pictures_, uploader_, tally_,
                  random_,  {}},
        timer_(context_) {
    const Content content = options.same_picture ? Content::kConstant : Content::kFrame;
    honest_ = make_troubled(make_honest(latency, content), options.troubles);
    const int ways = options.four_ways ? 4 : 1;
    for (int way = 0; way < ways; ++way) {
      cheating_.push_back(make_tampering(make_honest(latency, content), static_cast<Cheat>(way),
                                         options.tampering_share));
    }
    if (!options.assignments_file.empty()) watch_assignments();
    const auto cheaters =
        static_cast<std::size_t>(options.tampering * static_cast<double>(members_.size()));
    for (std::size_t i = 0; i < members_.size(); ++i) {
      agents_.push_back(std::make_unique<SyntheticAgent>(
          services_, members_[i], i < cheaters ? *cheating_[i % cheating_.size()] : *honest_));
    }
  }

  Tally run(const std::stop_token& stop) {
    const auto begin = std::chrono::steady_clock::now();
    auto next_report = begin + kReport;
    while (!stop.stop_requested()) {
      const auto age = std::chrono::steady_clock::now() - begin;
      if (options_.duration > 0ms && age >= options_.duration) break;
      start_up_to(age);
      if (age < options_.settle) forget_times();
      churn();
      if (begin + age >= next_report) {
        report();
        next_report += kReport;
      }
      context_.restart();
      context_.run_for(kTick);
    }
    for (auto& agent : agents_) agent->drain();
    const auto patience = std::chrono::steady_clock::now() + kDrainTime;
    const auto idle = [](const auto& agent) { return agent->idle(); };
    while (!std::ranges::all_of(agents_, idle) && std::chrono::steady_clock::now() < patience) {
      context_.restart();
      context_.run_for(kTick);
    }
    for (auto& agent : agents_) agent->leave();
    context_.restart();
    context_.run_for(kTick);
    log_.flush();
    return tally_;
  }

 private:
  void watch_assignments() {
    log_.open(options_.assignments_file);
    services_.noticed = [this](const wire::AssignmentT& assignment) {
      const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
          SystemClock().now().time_since_epoch());
      log_ << now.count() << ' ' << assignment.frame << '\n';
    };
  }

  void start_up_to(std::chrono::steady_clock::duration age) {
    const double due = std::chrono::duration<double>(age).count() * options_.connects_per_s;
    while (started_ < agents_.size() && static_cast<double>(started_) <= due) {
      agents_[started_++]->start();
    }
  }

  void churn() {
    churn_due_ += options_.churn_per_s * std::chrono::duration<double>(kTick).count();
    for (; churn_due_ >= 1 && started_ > 0; churn_due_ -= 1) {
      agents_[random_() % started_]->vanish(options_.churn_away);
    }
  }

  /// Until the farm has settled.
  void forget_times() {
    tally_.refill = {};
    tally_.commit = {};
    tally_.store = {};
  }

  void report() {
    spdlog::info("swarm agents={} assignments={} results={} refill_p99_ms={:.1f}", tally_.connected,
                 tally_.assignments, tally_.results - reported_results_,
                 tally_.refill.quantile_ms(0.99));
    reported_results_ = tally_.results;
    log_.flush();
  }

  const SwarmOptions& options_;
  const std::vector<Member> members_;
  boost::asio::io_context context_{1};
  Random random_;
  Tally tally_;
  SyntheticPictures pictures_;
  Uploader uploader_;
  SwarmServices services_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<Behaviour> honest_;
  std::vector<std::unique_ptr<Behaviour>> cheating_;
  std::vector<std::unique_ptr<SyntheticAgent>> agents_;
  std::ofstream log_;
  std::size_t started_ = 0;
  double churn_due_ = 0;
  std::uint64_t reported_results_ = 0;
};

}  // namespace

Result<Tally> run_swarm(const SwarmOptions& options, std::stop_token stop) {
  const auto latency = Latency::parse(options.latency);
  if (!latency) return std::unexpected(latency.error());
  if (options.troubles.sum() > 1) {
    return fail(Errc::kInvalid, "--fail, --hang, --vanish, --duplicate: more than 1 together");
  }
  const auto broker = parse_broker_url(options.nats_url);
  if (!broker) return std::unexpected(broker.error());
  auto members = load_roster(options.roster, options.agents);
  if (!members) return std::unexpected(members.error());
  if (auto ok = allow_sockets(options.agents); !ok) return std::unexpected(ok.error());
  return Swarm(options, std::move(*members), *latency, *broker).run(stop);
}

}  // namespace worldshare::swarm
