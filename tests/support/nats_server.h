#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "shared/crypto.h"
#include "shared/nats/connection.h"
#include "shared/nats/jwt/agent_authority.h"
#include "shared/process.h"
#include "tests/support/authority.h"
#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// A real nats-server with broker-config/nats-server.conf, on a free loopback port, its store in a
/// temporary folder. Ends with this object, and with the thread that started it. Whatever it cannot
/// do stops the test program with the server's log. One thread at a time.
class NatsServer {
 public:
  /// Where it has its accounts from.
  enum class Accounts : std::uint8_t { kFile, kJwts };
  /// kJwts: with nats-server-jwt.conf.
  static std::unique_ptr<NatsServer> start(Accounts accounts = Accounts::kFile);
  /// With nats-server-tls.conf.
  static std::unique_ptr<NatsServer> start(const Authority::Issued& tls);
  /// Another certificate, from the next restart() on.
  void use(const Authority::Issued& tls) { tls_ = tls; }
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  std::string url() const;
  std::string monitor_url() const;
  std::uint16_t port() const { return port_; }
  pid_t pid() const;
  /// Keys of the trusted account.
  const NKey& dispatcher() const { return dispatcher_; }
  const NKey& verifier() const { return verifier_; }
  const NKey& operator_key() const { return operator_; }
  /// With Accounts::kJwts: the farm's keys, and what `key` shows when it connects.
  nats::AccountsFolder accounts() const { return {folder_.path() / "keys"}; }
  std::filesystem::path accounts_store() const { return folder_.path() / "accounts"; }
  std::filesystem::path jwt_file(const std::string& public_key) const;
  /// How `key` connects. `name` is for the server's connection report.
  nats::ConnectOptions options(const NKey& key, const std::string& name = "test") const;
  /// Connected, or the test program stops.
  std::unique_ptr<nats::Connection> connect(const NKey& key,
                                            const std::string& name = "test") const;

  /// Creates the streams and consumers of broker-config/streams.yaml.
  void provision();

  /// A new agent that the server lets in when this returns.
  NKey add_agent();
  void add_agent(const std::string& public_key);
  void remove_agent(const std::string& public_key);
  /// agents.conf, for who writes it by himself and calls reload() then.
  std::filesystem::path agents_file() const;
  /// SIGHUP; returns when the server has read its configuration again.
  void reload();

  /// SIGKILL.
  void kill();
  /// SIGTERM, then waits.
  void stop();
  /// On the same port with the same store, after kill() or stop(). Returns when it accepts
  /// connections.
  void restart();
  std::string log() const;

 private:
  explicit NatsServer(Accounts accounts = Accounts::kFile);
  void begin();
  void write_accounts();
  void put_account(const std::string& agent, bool revoked);
  void write_agents() const;
  std::size_t count_in_log(const std::string& phrase) const;
  void wait_for_log(const std::string& phrase, std::size_t count);

  const Accounts accounts_;
  TempFolder folder_;
  std::uint16_t port_ = 0;
  std::uint16_t monitor_port_ = 0;
  NKey dispatcher_;
  NKey verifier_;
  NKey operator_;
  std::set<std::string> agents_;
  std::optional<nats::AgentAuthority> authority_;
  std::optional<Authority::Issued> tls_;
  std::optional<Process> process_;
};

}  // namespace worldshare::testing
