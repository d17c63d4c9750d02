#include "cli/embedded/stack.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "cli/embedded/postgres.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/find_program.h"
#include "shared/free_port.h"
#include "shared/http/client.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/retry.h"

namespace worldshare::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// The key in this file, made when there is none.
Result<NKey> key_at(const fs::path& path) {
  if (fs::exists(path)) return NKey::load(path);
  NKey key = NKey::generate();
  if (auto ok = key.save(path); !ok) return std::unexpected(ok.error());
  return key;
}

Result<std::string> secret_at(const fs::path& path) {
  if (fs::exists(path)) return read_file(path, 4096);
  const std::string secret = new_id() + new_id();
  if (auto ok = write_file_atomically(path, secret, 0600); !ok) return std::unexpected(ok.error());
  return secret;
}

/// YAML's double-quoted form.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string line(const std::string& key, const std::string& value) {
  return key + ": " + quoted(value) + "\n";
}

/// One's own scenes on one's own machine: confined where this machine can. Another system is seen
/// only from inside.
std::string sandbox_lines(const StackOptions& options) {
  if (options.agent_root == "/")
    return "  mode: auto\nblender:\n  " + line("path", options.blender.string());
  return "  mode: required\n  " + line("root", fs::absolute(options.agent_root).string());
}

}  // namespace

fs::path program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path default_state_root() {
  if (const char* chosen = std::getenv("WORLDSHARE_STATE"); chosen != nullptr && *chosen != '\0')
    return chosen;
  if (::geteuid() == 0) return "/var/lib/worldshare";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return fs::path(state) / "worldshare";
  }
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/tmp") / ".local/state/worldshare";
}

std::string Stack::owner(unsigned agent) { return "volunteer-" + std::to_string(agent); }

Stack::Stack(StackOptions options) : options_(std::move(options)) {
  options_.state = fs::absolute(options_.state);
  programs_ = program_folder();
  const char* chosen = std::getenv("WORLDSHARE_DATA");
  const fs::path installed = programs_.parent_path() / "share/worldshare";
  data_ = chosen != nullptr       ? fs::path(chosen)
          : fs::exists(installed) ? installed
                                  : fs::path(WORLDSHARE_SOURCE_DIR);
}

Result<std::unique_ptr<Stack>> Stack::start(const StackOptions& options, std::stop_token stop) {
  std::unique_ptr<Stack> stack(new Stack(options));
  if (auto ok = stack->prepare(); !ok) return std::unexpected(ok.error());
  if (auto ok = stack->start_nats(); !ok) return std::unexpected(ok.error());
  if (auto ok = stack->start_postgres(); !ok) return std::unexpected(ok.error());
  if (auto ok = stack->start_services(stop); !ok) return std::unexpected(ok.error());
  if (auto ok = stack->start_agents(); !ok) return std::unexpected(ok.error());
  return stack;
}

fs::path Stack::dashboard() const {
  for (const auto& folder : {data_ / "pages", data_ / "build/dashboard"}) {
    if (fs::exists(folder / "index.html")) return folder;
  }
  return {};
}

ProcessOptions Stack::program(const std::string& name, const std::string& log) const {
  ProcessOptions options;
  options.argv = {(programs_ / name).string()};
  options.output_file = options_.state / "logs" / (log + ".log");
  return options;
}

Result<> Stack::prepare() {
  std::error_code error;
  for (const char* folder : {"logs", "keys", "blobs", "nats"}) {
    fs::create_directories(options_.state / folder, error);
    if (error)
      return fail(Errc::kUnavailable,
                  "cannot create " + (options_.state / folder).string() + ": " + error.message());
  }
  fs::permissions(options_.state / "keys", fs::perms::owner_all, error);
  auto token = secret_at(options_.state / "keys/api-token");
  if (!token) return std::unexpected(token.error());
  token_ = *token;
  if (auto secret = secret_at(options_.state / "keys/url-secret"); !secret)
    return std::unexpected(secret.error());
  std::array<std::uint16_t, 4> ports{};
  for (auto& port : ports) {
    const auto free = free_port();
    if (!free) return std::unexpected(free.error());
    port = *free;
  }
  http_port_ = ports[0];
  health_port_ = ports[1];
  nats_url_ = "nats://127.0.0.1:" + std::to_string(ports[2]);
  nats_monitor_ = "127.0.0.1:" + std::to_string(ports[3]);
  url_ = "http://127.0.0.1:" + std::to_string(http_port_);
  return {};
}

Result<> Stack::start_postgres() {
  auto service = postgres_service(options_.state, supervisor_);
  if (!service) return std::unexpected(service.error());
  conninfo_ = service->conninfo;
  return supervisor_.keep(std::move(service->service));
}

Result<> Stack::start_nats() {
  const auto server = find_program("nats-server");
  if (!server)
    return fail(Errc::kUnavailable,
                "the program nats-server is missing; install the Debian package nats-server");
  const fs::path state = options_.state;
  std::error_code error;
  fs::copy_file(data_ / "broker-config/nats-server.conf", state / "nats-server.conf",
                fs::copy_options::overwrite_existing, error);
  if (error)
    return fail(Errc::kUnavailable,
                "cannot copy " + (data_ / "broker-config/nats-server.conf").string());
  if (!fs::exists(state / "agents.conf")) {
    const std::string_view nobody = "# No agent is enrolled yet.\n";
    if (auto ok = write_file_atomically(state / "agents.conf", nobody, 0640); !ok) return ok;
  }
  Service service;
  service.name = "nats";
  service.process.argv = {server->string(), "-c", (state / "nats-server.conf").string(), "-P",
                          (state / "nats.pid").string()};
  service.process.output_file = state / "logs/nats.log";
  auto& environment = service.process.environment;
  environment["WS_NATS_NAME"] = "worldshare-embedded";
  environment["WS_NATS_LISTEN"] = nats_url_.substr(7);
  environment["WS_NATS_MONITOR"] = nats_monitor_;
  environment["WS_NATS_STORE"] = (state / "nats").string();
  for (const auto& [variable, file] : {std::pair{"WS_DISPATCHER_NKEY", "dispatcher"},
                                       {"WS_VERIFIER_NKEY", "verifier"},
                                       {"WS_OPERATOR_NKEY", "operator"}}) {
    auto key = key_at(state / "keys" / (std::string(file) + ".seed"));
    if (!key) return std::unexpected(key.error());
    environment[variable] = key->public_key();
  }
  return supervisor_.keep(std::move(service));
}

Result<> Stack::write_dispatcher_config() {
  const fs::path state = options_.state;
  const std::string text =
      "http:\n  address: 127.0.0.1\n  port: " + std::to_string(http_port_) + "\n  " +
      line("api_token_file", (state / "keys/api-token").string()) + "  " +
      line("url_secret_file", (state / "keys/url-secret").string()) + "blobs:\n  " +
      line("directory", (state / "blobs").string()) + "nats:\n  " + line("url", nats_url_) + "  " +
      line("seed_file", (state / "keys/dispatcher.seed").string()) + "  " +
      line("streams_file", (data_ / "broker-config/streams.yaml").string()) + "  " +
      line("agents_conf_file", (state / "agents.conf").string()) + "  " +
      line("broker_pid_file", (state / "nats.pid").string()) + "  " +
      line("broker_monitor_url", "http://" + nats_monitor_) + "postgres:\n  " +
      line("conninfo", conninfo_) + "  " + line("sql_directory", (data_ / "schemas/sql").string()) +
      (dashboard().empty() ? "" : "dashboard:\n  " + line("directory", dashboard().string())) +
      // On one machine a lost agent is noticed in seconds, and nobody can collude with a sibling.
      "lease:\n  initial_seconds: 60\n  extend_seconds: 60\n  sibling_hold_seconds: 0\n"
      "  pair_after_commit: false\n"
      "agents:\n  heartbeat_seconds: 1\n" +
      "log:\n  level: " + options_.log_level + "\n";
  return write_file_atomically(state / "dispatcher.yaml", text, 0600);
}

Result<> Stack::write_verifier_config() {
  const fs::path state = options_.state;
  auto dispatcher = NKey::load(state / "keys/dispatcher.seed");
  if (!dispatcher) return std::unexpected(dispatcher.error());
  const std::string text =
      "http:\n  port: " + std::to_string(health_port_) + "\nblobs:\n  " +
      line("directory", (state / "blobs").string()) + "nats:\n  " + line("url", nats_url_) + "  " +
      line("seed_file", (state / "keys/verifier.seed").string()) + "dispatcher:\n  " +
      line("public_key", dispatcher->public_key()) + "assembly:\n  " +
      line("agent_program", (programs_ / "worldshare-agent").string()) + "  " +
      // Frames are put together by the Blender that rendered their parts.
      (options_.agent_root == "/"
           ? ""
           : line("agent_config", (state / "agent-1.yaml").string()) + "  ") +
      line("folder", (state / "assembly").string()) + "postgres:\n  " +
      line("conninfo", conninfo_) +
      // A handful of owners can give two opinions, not the four that strangers need elsewhere.
      "trust:\n  policy: founding\nlog:\n  level: " + options_.log_level + "\n";
  return write_file_atomically(state / "verifier.yaml", text, 0600);
}

Result<> Stack::write_agent_config(unsigned agent) {
  const fs::path state = options_.state;
  const std::string name = "agent-" + std::to_string(agent);
  const unsigned threads =
      std::max(1U, std::thread::hardware_concurrency() / std::max(1U, options_.agents));
  std::string text = "nats:\n  " + line("url", nats_url_) + "agent:\n  " +
                     line("seed_file", (state / "keys" / (name + ".seed")).string()) + "  " +
                     line("state_folder", (state / name).string()) + "  " +
                     // They are one machine, and the next stack will be on it too.
                     line("findings_folder", (default_state_root() / "findings").string()) +
                     "  nice: 0\n  drain_seconds: 0\n  threads: " + std::to_string(threads) +
                     "\n  heartbeat_seconds: 1\nlimits:\n  free_bytes: 0\nsandbox:\n" +
                     sandbox_lines(options_) + "log:\n  level: " + options_.log_level + "\n";
  if (options_.tamper == agent) text += "laboratory:\n  tamper: brighten_region\n";
  return write_file_atomically(state / (name + ".yaml"), text, 0600);
}

Result<> Stack::start_services(std::stop_token stop) {
  if (auto ok = write_dispatcher_config(); !ok) return ok;
  if (auto ok = write_verifier_config(); !ok) return ok;
  const std::string config = (options_.state / "dispatcher.yaml").string();
  ProcessOptions provision = program("worldshare-dispatcher", "provision");
  provision.argv.insert(provision.argv.end(), {"--config", config, "--provision"});
  if (auto ok = supervisor_.run_once("provisioning", provision, 60s); !ok) return ok;
  Service dispatcher{.name = "dispatcher",
                     .process = program("worldshare-dispatcher", "dispatcher")};
  dispatcher.process.argv.insert(dispatcher.process.argv.end(), {"--config", config});
  if (auto ok = supervisor_.keep(std::move(dispatcher)); !ok) return ok;
  Service verifier{.name = "verifier", .process = program("worldshare-verifier", "verifier")};
  verifier.process.argv.insert(verifier.process.argv.end(),
                               {"--config", (options_.state / "verifier.yaml").string()});
  if (auto ok = supervisor_.keep(std::move(verifier)); !ok) return ok;
  const auto healthy = retry_until<http::Response>(
      "the dispatcher", 30s, stop, [&] { return http::expect_ok(http::get(url_ + "/health")); });
  if (!healthy) return std::unexpected(healthy.error());
  return {};
}

Result<> Stack::start_agents() {
  for (unsigned agent = 1; agent <= options_.agents; ++agent) {
    const std::string name = "agent-" + std::to_string(agent);
    auto key = key_at(options_.state / "keys" / (name + ".seed"));
    if (!key) return std::unexpected(key.error());
    ProcessOptions enrol = program("worldshare-dispatcher", "provision");
    enrol.argv.insert(enrol.argv.end(), {"--config", (options_.state / "dispatcher.yaml").string(),
                                         "--enrol", key->public_key(), "--owner", owner(agent)});
    if (auto ok = supervisor_.run_once("enrolment", enrol, 30s); !ok) return ok;
    if (auto ok = write_agent_config(agent); !ok) return ok;
    Service service{.name = name, .process = program("worldshare-agent", name)};
    service.process.argv.insert(service.process.argv.end(),
                                {"--config", (options_.state / (name + ".yaml")).string()});
    if (auto ok = supervisor_.keep(std::move(service)); !ok) return ok;
  }
  return {};
}

}  // namespace worldshare::cli
