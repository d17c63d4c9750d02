#include "tests/support/nats_server.h"

#include <signal.h>

#include <cstdio>
#include <ctime>
#include <thread>

#include "shared/files.h"
#include "shared/nats/agent_accounts.h"
#include "shared/nats/jwt/account_resolver.h"
#include "shared/nats/provision.h"

namespace worldshare::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr auto kPatience = 20s;

std::filesystem::path config_folder() {
  return std::filesystem::path(WS_SOURCE_DIR) / "broker-config";
}

template <class T>
void require(const Result<T>& result, const std::string& what) {
  if (!result) std::fprintf(stderr, "%s: %s\n", what.c_str(), result.error().message.c_str());
  WS_CHECK(result.has_value(), "the test's nats-server failed");
}

}  // namespace

NatsServer::NatsServer(Accounts accounts)
    : accounts_(accounts),
      dispatcher_(NKey::generate()),
      verifier_(NKey::generate()),
      operator_(NKey::generate()) {}

NatsServer::~NatsServer() { kill(); }

std::unique_ptr<NatsServer> NatsServer::start(Accounts accounts) {
  std::unique_ptr<NatsServer> server(new NatsServer(accounts));
  server->begin();
  return server;
}

std::unique_ptr<NatsServer> NatsServer::start(const Authority::Issued& tls) {
  std::unique_ptr<NatsServer> server(new NatsServer);
  server->tls_ = tls;
  server->begin();
  return server;
}

void NatsServer::begin() {
  for (const char* file : {"nats-server.conf", "nats-server-tls.conf", "nats-server-jwt.conf"})
    std::filesystem::copy_file(config_folder() / file, folder_.path() / file);
  if (accounts_ == Accounts::kJwts) {
    write_accounts();
  } else {
    write_agents();
  }
  port_ = free_port();
  monitor_port_ = free_port();
  restart();
}

void NatsServer::write_accounts() {
  std::filesystem::create_directory(accounts().folder);
  require(dispatcher_.save(accounts().seed("dispatcher")), "seed");
  require(verifier_.save(accounts().seed("verifier")), "seed");
  require(operator_.save(accounts().seed("operator")), "seed");
  require(nats::make_accounts(accounts(), std::time(nullptr)), "accounts");
  std::filesystem::copy_file(accounts().broker_conf(), folder_.path() / "accounts.conf");
  auto authority = nats::AgentAuthority::open(accounts());
  require(authority, "authority");
  authority_ = std::move(*authority);
}

std::filesystem::path NatsServer::jwt_file(const std::string& public_key) const {
  if (public_key == dispatcher_.public_key()) return accounts().jwt("dispatcher");
  if (public_key == verifier_.public_key()) return accounts().jwt("verifier");
  if (public_key == operator_.public_key()) return accounts().jwt("operator");
  return folder_.path() / (public_key + ".jwt");
}

void NatsServer::put_account(const std::string& agent, bool revoked) {
  auto registrar = options(dispatcher_, "registrar");
  registrar.jwt_file = accounts().registrar_jwt();
  auto resolver = nats::AccountResolver::open(registrar);
  require(resolver, "registrar");
  require(resolver->put({authority_->account_jwt({agent, std::time(nullptr), revoked})}),
          "account");
}

std::string NatsServer::url() const {
  return (tls_ ? "tls://127.0.0.1:" : "nats://127.0.0.1:") + std::to_string(port_);
}

std::string NatsServer::monitor_url() const {
  return "http://127.0.0.1:" + std::to_string(monitor_port_);
}

pid_t NatsServer::pid() const { return process_ ? process_->pid() : -1; }

nats::ConnectOptions NatsServer::options(const NKey& key, const std::string& name) const {
  nats::ConnectOptions options;
  options.url = url();
  options.name = name;
  options.seed = key.seed();
  if (tls_) options.ca_file = tls_->authority;
  if (authority_) options.jwt_file = jwt_file(key.public_key());
  return options;
}

std::unique_ptr<nats::Connection> NatsServer::connect(const NKey& key,
                                                      const std::string& name) const {
  auto connection = nats::Connection::open(options(key, name));
  require(connection, "connect as " + name);
  return std::move(*connection);
}

void NatsServer::provision() {
  require(nats::provision(*connect(operator_, "provision"), config_folder() / "streams.yaml"),
          "provision");
}

NKey NatsServer::add_agent() {
  NKey key = NKey::generate();
  add_agent(key.public_key());
  return key;
}

void NatsServer::add_agent(const std::string& public_key) {
  if (authority_) {
    put_account(public_key, false);
    const auto jwt = authority_->user_jwt(public_key, std::time(nullptr), 0);
    require(write_file_atomically(jwt_file(public_key), jwt + "\n", 0600), "jwt");
    return;
  }
  agents_.insert(public_key);
  write_agents();
  reload();
}

void NatsServer::remove_agent(const std::string& public_key) {
  if (authority_) return put_account(public_key, true);
  agents_.erase(public_key);
  write_agents();
  reload();
}

std::filesystem::path NatsServer::agents_file() const { return folder_.path() / "agents.conf"; }

void NatsServer::write_agents() const {
  const std::vector<std::string> agents(agents_.begin(), agents_.end());
  require(write_file_atomically(agents_file(), nats::agents_conf(agents)), "agents.conf");
}

void NatsServer::reload() {
  if (!process_) return;
  // Twice: nats-server 2.9 gives a new account its imports only in the next reload.
  for (int i = 0; i < 2; ++i) {
    const auto before = count_in_log("Reloaded server configuration");
    ::kill(process_->pid(), SIGHUP);
    wait_for_log("Reloaded server configuration", before + 1);
  }
}

void NatsServer::restart() {
  WS_CHECK(!process_, "the server runs already");
  const auto before = count_in_log("Server is ready");
  ProcessOptions options;
  options.argv = {"/usr/sbin/nats-server", "-c",
                  authority_ ? "nats-server-jwt.conf"
                  : tls_     ? "nats-server-tls.conf"
                             : "nats-server.conf"};
  options.working_directory = folder_.path();
  options.output_file = folder_.path() / "nats.log";
  options.environment = {{"WS_NATS_NAME", "test"},
                         {"WS_NATS_LISTEN", "127.0.0.1:" + std::to_string(port_)},
                         {"WS_NATS_MONITOR", "127.0.0.1:" + std::to_string(monitor_port_)},
                         {"WS_NATS_STORE", (folder_.path() / "store").string()},
                         {"WS_NATS_ACCOUNTS", accounts_store().string()},
                         {"WS_DISPATCHER_NKEY", dispatcher_.public_key()},
                         {"WS_VERIFIER_NKEY", verifier_.public_key()},
                         {"WS_OPERATOR_NKEY", operator_.public_key()}};
  if (tls_) {
    options.environment["WS_NATS_CERT"] = tls_->certificate.string();
    options.environment["WS_NATS_KEY"] = tls_->key.string();
  }
  auto process = Process::spawn(options);
  require(process, "spawn");
  process_ = std::move(*process);
  wait_for_log("Server is ready", before + 1);
}

void NatsServer::kill() {
  if (!process_) return;
  process_->stop(SIGKILL, 10s);
  process_.reset();
}

void NatsServer::stop() {
  if (!process_) return;
  process_->stop(SIGTERM, 10s);
  process_.reset();
}

std::string NatsServer::log() const {
  return read_file(folder_.path() / "nats.log", 64U << 20U).value_or("");
}

std::size_t NatsServer::count_in_log(const std::string& phrase) const {
  const std::string text = log();
  std::size_t count = 0;
  for (auto at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1))
    ++count;
  return count;
}

void NatsServer::wait_for_log(const std::string& phrase, std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (count_in_log(phrase) < count) {
    if (process_->poll() || std::chrono::steady_clock::now() > deadline) {
      std::fprintf(stderr, "%s\n", log().c_str());
      WS_CHECK(false, "the test's nats-server did not come up or reload");
    }
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace worldshare::testing
