#include "dispatcher/service.h"

#include <functional>
#include <thread>

#include "dispatcher/access/gatekeeper.h"
#include "dispatcher/access/token_rows.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/gateway/api.h"
#include "dispatcher/nodes/broker_reload.h"
#include "dispatcher/nodes/enrolment.h"
#include "dispatcher/nodes/rpc.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/nats/provision.h"
#include "shared/pg/migrate.h"
#include "shared/retry.h"

namespace worldshare::dispatcher {
namespace {

Result<pg::Connection> open_pg(const Config& config, std::stop_token stop) {
  return retry_until<pg::Connection>("PostgreSQL", config.startup_wait, stop, [&] {
    return pg::Connection::open(config.postgres_conninfo);
  });
}

Result<std::unique_ptr<nats::Connection>> open_nats(const Config& config,
                                                    const NKey& key,
                                                    std::stop_token stop) {
  nats::ConnectOptions options;
  options.url = config.nats_url;
  options.name = "worldshare-dispatcher";
  options.seed = key.seed();
  return retry_until<std::unique_ptr<nats::Connection>>(
      "the NATS server", config.startup_wait, stop,
      [&] { return nats::Connection::open(options); });
}

/// A secret's or token's text without the line end; "" for no path. kDenied: others may read it.
Result<std::string> read_secret(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  if (auto ok = check_private(path); !ok) return std::unexpected(ok.error());
  auto text = read_file(path, 4096);
  if (!text) return text;
  text->erase(text->find_last_not_of(" \r\n") + 1);
  if (text->empty()) return fail(Errc::kInvalid, path.string() + " is empty");
  return text;
}

/// Tells the broker who may come in.
Result<> publish_agents(pg::Connection& pg, const Config& config) {
  if (auto ok = write_agents_conf(pg, config.agents_conf_file); !ok) return ok;
  if (config.broker_pid_file.empty()) return {};
  if (config.broker_monitor_url.empty()) {
    return fail(Errc::kInvalid, "nats.broker_monitor_url: is needed with nats.broker_pid_file");
  }
  return reload_broker(config.broker_pid_file, config.broker_monitor_url);
}

}  // namespace

Result<> serve(const Config& config, std::stop_token stop) {
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return std::unexpected(key.error());
  const auto token = read_secret(config.api_token_file);
  if (!token) return std::unexpected(token.error());
  const auto secret = read_secret(config.url_secret_file);
  if (!secret) return std::unexpected(secret.error());
  if (secret->size() < 32)
    return fail(Errc::kInvalid, "http.url_secret_file: must hold at least 32 bytes");
  const auto store = blobs::Store::open(config.blobs_directory);
  if (!store) return std::unexpected(store.error());
  const auto uploads = blobs::PartialUploads::open(*store);
  if (!uploads) return std::unexpected(uploads.error());
  auto ledger_pg = open_pg(config, stop);
  if (!ledger_pg) return std::unexpected(ledger_pg.error());
  auto rpc_pg = open_pg(config, stop);
  if (!rpc_pg) return std::unexpected(rpc_pg.error());
  auto nats = open_nats(config, *key, stop);
  if (!nats) return std::unexpected(nats.error());

  const SystemClock clock;
  Board board;
  const std::string base = config.http_public_url.empty() ? "http://" + config.http_address + ":" +
                                                                std::to_string(config.http_port)
                                                          : config.http_public_url;
  const blobs::UrlSigner signer(*secret, base);
  auto dashboard = StaticFiles::open(config.dashboard_directory);
  if (!dashboard) return std::unexpected(dashboard.error());
  ConnectionPool pool(config.postgres_conninfo);
  // Browsers do not tell the ports of a host apart: each farm's cookie has a name of its own.
  const std::string cookie = "worldshare_" + to_hex(sha256(as_bytes(base))).substr(0, 8);
  Gatekeeper gatekeeper({*token, cookie, base}, pool, clock);
  EventHub events(**nats, pool, clock);
  Api api({config, *store, *uploads, signer, **nats, clock, board, events, pool, gatekeeper, base},
          std::move(*dashboard));
  auto server = http::Server::open({.address = config.http_address,
                                    .port = config.http_port,
                                    .connections_per_address = config.connections_per_address},
                                   api);
  if (!server) return std::unexpected(server.error());
  // Behind the server: what it still sends it must not outlive.
  std::jthread events_thread([&events](std::stop_token ending) { events.run(ending); });
  RpcService rpc(config, **nats, std::move(*rpc_pg), *store, signer, clock);
  std::jthread rpc_thread([&rpc, stop] { rpc.run(stop); });
  spdlog::info("dispatcher serves http={}:{} agents_key={}", config.http_address, (*server)->port(),
               key->public_key());
  auto outgoing = Outgoing::open({config, *key, **nats, signer, clock});
  if (!outgoing) return std::unexpected(outgoing.error());
  Dispatcher dispatcher({config, **nats, clock, board}, Ledger(std::move(*ledger_pg)),
                        std::move(*outgoing));
  dispatcher.run(stop);
  return {};
}

Result<> provision(const Config& config, std::stop_token stop) {
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  const auto applied = pg::migrate(*pg, config.sql_directory);
  if (!applied) return std::unexpected(applied.error());
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return std::unexpected(key.error());
  auto nats = open_nats(config, *key, stop);
  if (!nats) return std::unexpected(nats.error());
  if (auto ok = nats::provision(**nats, config.streams_file); !ok) return ok;
  spdlog::info("provisioned migrations={} streams={}", *applied, config.streams_file.string());
  return {};
}

Result<> enrol_agent(const Config& config,
                     const std::string& agent,
                     const std::string& owner,
                     std::stop_token stop) {
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  if (auto ok = enrol(*pg, agent, owner); !ok) return ok;
  return publish_agents(*pg, config);
}

Result<std::string> make_token(const Config& config,
                               const wire::TokenOrderT& order,
                               std::stop_token stop) {
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  const auto created = create_token(*pg, order, "worldshare-dispatcher");
  if (!created) return std::unexpected(created.error());
  return created->secret;
}

Result<> revoke_agent(const Config& config, const std::string& agent, std::stop_token stop) {
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  if (auto ok = revoke(*pg, agent); !ok) return ok;
  return publish_agents(*pg, config);
}

}  // namespace worldshare::dispatcher
