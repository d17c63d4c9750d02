#include "verifier/service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "shared/crypto.h"
#include "shared/signals.h"
#include "verifier/assembly/assembly_line.h"
#include "verifier/desk/verification_desk.h"
#include "verifier/health.h"
#include "verifier/verifier.h"

namespace worldshare::verifier {
namespace {

constexpr std::chrono::milliseconds kTryEvery{500};

/// Calls `attempt` until it is not unavailable, time is up, or a stop is requested.
template <class Attempt>
auto wait_for(const char* what, const Config& config, std::stop_token stop, Attempt attempt)
    -> decltype(attempt()) {
  const auto until = std::chrono::steady_clock::now() + config.startup_wait;
  for (bool told = false;; told = true) {
    auto outcome = attempt();
    if (outcome) return outcome;
    const Errc code = outcome.error().code;
    const bool may_come = is_retryable(code) || code == Errc::kNotFound;
    if (!may_come) return outcome;
    const bool time_is_up = std::chrono::steady_clock::now() >= until;
    if (time_is_up || stop.stop_requested()) {
      return fail(Errc::kUnavailable, std::string(what) + ": " + outcome.error().message);
    }
    if (!told) spdlog::info("waiting for={} reason=\"{}\"", what, outcome.error().message);
    sleep_unless_stopped(stop, kTryEvery);
  }
}

Result<std::unique_ptr<nats::Connection>> connect_broker(const Config& config,
                                                         std::stop_token stop) {
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return fail(Errc::kInvalid, "nats.seed_file: " + key.error().message);
  nats::ConnectOptions options;
  options.url = config.nats_url;
  options.ca_file = config.nats_ca_file;
  options.name = "verifier";
  options.seed = key->seed();
  options.jwt_file = config.nats_jwt_file;
  return wait_for("broker", config, stop, [&] { return nats::Connection::open(options); });
}

AssemblerOptions assembler_options(const Config& config) {
  AssemblerOptions out;
  out.finisher.agent_program = config.agent_program;
  out.finisher.agent_config = config.agent_config;
  out.finisher.image_bytes = config.artifacts.file_bytes;
  out.scratch = config.assembly_folder;
  out.memory_bytes = config.assembly_bytes;
  return out;
}

Result<std::unique_ptr<AssemblyLine>> open_assembly_line(const Config& config,
                                                         Assembler& assembler,
                                                         std::stop_token stop) {
  auto database = wait_for("PostgreSQL", config, stop,
                           [&] { return pg::Connection::open(config.postgres_conninfo); });
  if (!database) return std::unexpected(database.error());
  return std::make_unique<AssemblyLine>(std::move(*database), assembler);
}

Result<std::unique_ptr<VerificationDesk>> open_desk(const Config& config,
                                                    const Artifacts& artifacts,
                                                    const Backends& backends,
                                                    std::stop_token stop) {
  auto database = wait_for("PostgreSQL", config, stop,
                           [&] { return pg::Connection::open(config.postgres_conninfo); });
  if (!database) return std::unexpected(database.error());
  const ComparisonLimits limits{config.artifacts.file_bytes, config.image_limit_bytes};
  const ComparisonTools tools{artifacts.store(), *backends.metrics, backends.lpips.get()};
  return std::make_unique<VerificationDesk>(std::move(*database), config.tolerances, limits, tools);
}

class Workers {
 public:
  Workers(const Config& config, nats::Connection& broker, Evidence& evidence)
      : config_(config), broker_(broker), evidence_(evidence) {}

  Result<> open(std::stop_token stop) {
    auto rules = config_.rules();
    if (!rules) return std::unexpected(rules.error());
    spdlog::info("units are decided by policy=\"{}\"", rules->text);
    const JudgeOptions options{config_.dispatcher_public_key, config_.image_limit_bytes,
                               std::move(*rules)};
    for (std::uint32_t i = 0; i < config_.workers; ++i) {
      auto database = wait_for("PostgreSQL", config_, stop, [&] {
        return pg::Connection::open(config_.postgres_conninfo, pg::Plans::kByKeys);
      });
      if (!database) return std::unexpected(database.error());
      workers_.push_back(
          std::make_unique<Verifier>(broker_, std::move(*database), evidence_, clock_, options));
      auto& worker = *workers_.back();
      if (auto ok = wait_for("stream RESULTS", config_, stop, [&] { return worker.open(); }); !ok) {
        return ok;
      }
    }
    return {};
  }

  void run(std::stop_token stop) {
    std::vector<std::jthread> threads;
    for (auto& worker : workers_) {
      threads.emplace_back([&worker, stop] { worker->run(stop); });
    }
  }

  /// Whether all have the broker, and the database.
  std::pair<bool, bool> services() const {
    const auto all = [&](auto member) {
      return std::ranges::all_of(
          workers_, [&](const auto& worker) { return (worker->health().*member).load(); });
    };
    return {all(&WorkerHealth::broker), all(&WorkerHealth::database)};
  }

 private:
  const Config& config_;
  nats::Connection& broker_;
  Evidence& evidence_;
  SystemClock clock_;
  std::vector<std::unique_ptr<Verifier>> workers_;
};

}  // namespace

Result<> serve(const Config& config, std::stop_token stop) {
  auto store = wait_for("blobs", config, stop, [&] { return config.blobs.open(); });
  if (!store) return std::unexpected(store.error());
  const auto backends = open_backends(config.backends);
  if (!backends) return std::unexpected(backends.error());
  Artifacts artifacts(std::move(*store), config.artifacts, backends->memory.get());
  auto broker = connect_broker(config, stop);
  if (!broker) return std::unexpected(broker.error());
  MetricsCache cache(**broker, backends->lpips->network());
  Evidence evidence(artifacts, *backends->metrics, config.tolerances.other_class,
                    {.cache = &cache, .lpips = backends->lpips.get()});
  Workers workers(config, **broker, evidence);
  if (auto ok = workers.open(stop); !ok) return ok;
  Assembler assembler(artifacts, assembler_options(config));
  auto line = open_assembly_line(config, assembler, stop);
  if (!line) return std::unexpected(line.error());
  auto desk = open_desk(config, artifacts, *backends, stop);
  if (!desk) return std::unexpected(desk.error());
  HealthPage page([&] {
    const auto [broker_up, database_up] = workers.services();
    return HealthState{broker_up,
                       database_up,
                       (*line)->healthy(),
                       (*desk)->healthy(),
                       artifacts.store().trouble(),
                       std::string(backends->metrics->name()),
                       backends->lpips->status()};
  });
  http::ServerOptions http;
  http.address = config.http_address;
  http.port = config.http_port;
  http.threads = 1;
  const auto server = http::Server::open(http, page);
  if (!server) return fail(Errc::kInvalid, "http.port: " + server.error().message);
  spdlog::info("verifier is ready health=http://{}:{}/health workers={}", config.http_address,
               (*server)->port(), config.workers);
  spdlog::info("pictures are compared by metrics=\"{}\" lpips=\"{}\"", backends->metrics->name(),
               backends->lpips->status());
  {
    const std::jthread assembling([&line, stop] { (*line)->run(stop); });
    const std::jthread comparing([&desk, stop] { (*desk)->run(stop); });
    workers.run(stop);
  }
  spdlog::info("verifier has stopped");
  return {};
}

}  // namespace worldshare::verifier
