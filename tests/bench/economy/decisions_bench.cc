#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <numeric>
#include <random>

#include "dispatcher/economy/economy.h"
#include "shared/messages/manifest.h"

// Time of one decision (heartbeat, grant, report, close) and memory, by agents and queued jobs.

namespace {

using namespace worldshare;
using namespace worldshare::dispatcher;
using std::chrono::steady_clock;

constexpr int kRounds = 20'000;

wire::ManifestT manifest(unsigned kind) {
  const std::string json =
      R"({"scene": {"sha256": ")" + std::string(64, "0123456789abcdef"[kind % 16]) +
      R"(", "size_bytes": 9, "name": "a.blend"}, "frames": {"first": 1, "last": 1000000},)" +
      R"("output": {"width": 8, "height": 8}, "policy": {"replicas": 2, "max_replicas": 5},)" +
      R"("requirements": {"blender": "3.)" + std::to_string(kind % 5) + R"("}})";
  return std::move(*messages::parse_manifest(json));
}

wire::AgentStateT state(unsigned n, std::uint64_t sequence) {
  wire::AgentStateT out;
  out.agent = "U" + std::string(47, 'A') + fmt::format("{:08}", n);
  out.sequence = sequence;
  out.capabilities = std::make_unique<wire::CapabilitiesT>();
  out.capabilities->blender = "3." + std::to_string(n % 7);
  out.capabilities->engines = {wire::Engine::cycles};
  out.capabilities->memory_bytes = std::uint64_t{8 + n % 4 * 8} << 30U;
  out.scenes = {std::string(64, "0123456789abcdef"[n % 16])};
  out.slots = 1;
  out.free_slots = {0};
  return out;
}

std::size_t in_use() { return mallinfo2().uordblks; }

void measure(unsigned agents, unsigned jobs) {
  std::mt19937_64 random(1);
  EconomyOptions options;
  options.sibling_hold = std::chrono::milliseconds(0);
  options.roster.heartbeats_per_second = 1e9;
  Economy economy(options, [&](std::uint64_t n) { return random() % n; });
  auto now = from_unix_ms(1'700'000'000'000);
  std::vector<UnitId> ids(agents + kRounds * 2);
  std::iota(ids.begin(), ids.end(), 1);
  economy.add_unit_ids(std::move(ids));
  const std::size_t empty = in_use();
  for (unsigned n = 0; n < agents; ++n)
    economy.heartbeat("owner" + std::to_string(n), state(n, 1), now);
  const std::size_t with_agents = in_use();
  for (unsigned n = 0; n < jobs; ++n) {
    Job job;
    job.id = fmt::format("job{:023}", n);
    job.tenant = "tenant" + std::to_string(n % 10);
    job.priority = n % 90;
    job.manifest = manifest(n);
    job.ordered = 1'000'000;
    job.queued_at = now;
    economy.add_job(std::move(job), now);
  }
  const std::size_t with_jobs = in_use();
  std::vector<Lease> live;
  while (true) {
    auto grants = economy.match(now, 1'000);
    if (grants.leases.empty()) break;
    std::ranges::move(grants.leases, std::back_inserter(live));
  }
  // Saturated: each report frees one seat, each grant takes it.
  std::uint64_t sequence = 1;
  const auto begin = steady_clock::now();
  int granted = 0;
  for (int i = 0; i < kRounds; ++i) {
    now += std::chrono::milliseconds(1);
    std::swap(live[random() % live.size()], live.back());
    const Lease lease = std::move(live.back());
    live.pop_back();
    economy.reported({lease.id, lease.agent, lease.owner, lease.unit}, now);
    const Unit* unit = economy.unit(lease.unit);
    if (unit != nullptr && unit->opinions.size() >= unit->wanted)
      economy.close_unit(lease.unit, true, "");
    const auto n = static_cast<unsigned>(std::stoul(lease.agent.substr(48)));
    economy.heartbeat(lease.owner, state(n, ++sequence), now);
    auto grants = economy.match(now, 1'000);
    granted += static_cast<int>(grants.leases.size());
    std::ranges::move(grants.leases, std::back_inserter(live));
  }
  const double us = std::chrono::duration<double, std::micro>(steady_clock::now() - begin).count();
  fmt::print(
      "{{\"agents\": {}, \"jobs\": {}, \"decision_us\": {:.1f}, \"granted\": {}, "
      "\"bytes_per_agent\": {}, \"bytes_per_job\": {}}}\n",
      agents, jobs, us / kRounds, granted, (with_agents - empty) / agents,
      (with_jobs - with_agents) / jobs);
  std::fflush(stdout);
}

/// Three tenants with weights 1, 2 and 4 and endless jobs, 200 agents: how far a tenant's share of
/// any 10,000 units in a row is from what is due to it, at worst.
void measure_fairness() {
  constexpr std::size_t kWindow = 10'000;
  constexpr double kWeights[] = {1, 2, 4};
  std::mt19937_64 random(1);
  EconomyOptions options;
  options.sibling_hold = std::chrono::milliseconds(0);
  options.roster.heartbeats_per_second = 1e9;
  Economy economy(options, [&](std::uint64_t n) { return random() % n; });
  auto now = from_unix_ms(1'700'000'000'000);
  for (unsigned n = 0; n < 3; ++n) {
    const std::string tenant = "tenant" + std::to_string(n);
    economy.set_terms(tenant, {.weight = kWeights[n]});
    Job job;
    job.id = tenant;
    job.tenant = tenant;
    job.manifest = manifest(0);
    job.manifest.policy->replicas = 1;
    job.ordered = 1'000'000;
    job.queued_at = now;
    economy.add_job(std::move(job), now);
  }
  std::vector<UnitId> ids(10 * kWindow);
  std::iota(ids.begin(), ids.end(), 1);
  economy.add_unit_ids(std::move(ids));
  std::vector<unsigned> served;
  std::uint64_t sequence = 0;
  while (served.size() < 9 * kWindow) {
    now += std::chrono::milliseconds(100);
    for (unsigned n = 0; n < 200; ++n)
      economy.heartbeat("owner" + std::to_string(n), state(n * 7, ++sequence), now);
    for (const auto& lease : economy.match(now, 1'000).leases) {
      served.push_back(static_cast<unsigned>(lease.job.back() - '0'));
      economy.reported({lease.id, lease.agent, lease.owner, lease.unit}, now);
      economy.close_unit(lease.unit, true, "");
    }
  }
  double worst = 0;
  std::size_t counts[3] = {};
  for (std::size_t i = 0; i < served.size(); ++i) {
    ++counts[served[i]];
    if (i >= kWindow) --counts[served[i - kWindow]];
    for (std::size_t n = 0; i + 1 >= kWindow && n < 3; ++n) {
      const double due = kWindow * kWeights[n] / 7;
      worst = std::max(worst, std::abs(static_cast<double>(counts[n]) / due - 1));
    }
  }
  fmt::print("{{\"fairness_max_error\": {:.6f}}}\n", worst);
}

}  // namespace

int main() {
  measure_fairness();
  for (const unsigned agents : {1'000U, 10'000U, 100'000U}) measure(agents, 1'000);
  for (const unsigned jobs : {10U, 1'000U, 100'000U}) measure(10'000, jobs);
  measure(100'000, 100'000);
}
