#include "dispatcher/service.h"

#include <functional>
#include <optional>
#include <thread>

#include "dispatcher/access/gatekeeper.h"
#include "dispatcher/access/token_rows.h"
#include "dispatcher/collector.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/gateway/api.h"
#include "dispatcher/nodes/broker_roster.h"
#include "dispatcher/nodes/credential.h"
#include "dispatcher/nodes/enrolment.h"
#include "dispatcher/nodes/rpc.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/nats/provision.h"
#include "shared/open_files.h"
#include "shared/pg/migrate.h"
#include "shared/retry.h"

namespace worldshare::dispatcher {
namespace {

Result<pg::Connection> open_pg(const Config& config,
                               std::stop_token stop,
                               pg::Plans plans = pg::Plans::kFresh) {
  return retry_until<pg::Connection>("PostgreSQL", config.startup_wait, stop, [&] {
    return pg::Connection::open(config.postgres_conninfo, plans);
  });
}

Result<std::unique_ptr<nats::Connection>> open_nats(const Config& config,
                                                    const NKey& key,
                                                    std::stop_token stop) {
  return retry_until<std::unique_ptr<nats::Connection>>(
      "the NATS server", config.startup_wait, stop,
      [&] { return nats::Connection::open(config.broker(key)); });
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

/// The authorities that agents are to trust for the broker; "" for no path.
Result<std::string> read_ca(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  auto text = read_file(path, 256 * 1024);
  if (text && !text->contains("-----BEGIN CERTIFICATE-----")) {
    return fail(Errc::kInvalid,
                "nats.public_ca_file: " + path.string() + " holds no certificate in PEM form");
  }
  return text;
}

/// Tells the broker who may come in, for a command that ends then.
Result<> publish_agents_once(pg::Connection& pg, const Config& config) {
  const auto list = open_broker_list(config);
  if (!list) return std::unexpected(list.error());
  if (!*list) return {};
  const auto told = (*list)->publish(pg);
  if (!told) return std::unexpected(told.error());
  return {};
}

/// Who signs agents in; nothing where the broker knows their keys.
Result<std::optional<nats::AgentAuthority>> open_authority(const Config& config) {
  if (!config.trusts_jwts()) return std::nullopt;
  auto opened = nats::AgentAuthority::open(config.accounts());
  if (!opened) return std::unexpected(opened.error());
  return std::move(*opened);
}

}  // namespace

Result<> serve(const Config& config, std::stop_token stop) {
  if (auto ok = config.check(); !ok) return ok;
  spdlog::info("open files limit={}", allow_open_files());
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return std::unexpected(key.error());
  const auto token = read_secret(config.api_token_file);
  if (!token) return std::unexpected(token.error());
  const auto secret = read_secret(config.url_secret_file);
  if (!secret) return std::unexpected(secret.error());
  if (secret->size() < 32)
    return fail(Errc::kInvalid, "http.url_secret_file: must hold at least 32 bytes");
  const auto store = retry_until<blobs::Store>("the blob store", config.startup_wait, stop,
                                               [&] { return config.blobs.open(); });
  if (!store) return std::unexpected(store.error());
  const auto uploads = blobs::PartialUploads::open(*store, config.blobs.directory / "resume");
  if (!uploads) return std::unexpected(uploads.error());
  auto ledger_pg = open_pg(config, stop, pg::Plans::kByKeys);
  if (!ledger_pg) return std::unexpected(ledger_pg.error());
  auto rpc_pg = open_pg(config, stop, pg::Plans::kByKeys);
  if (!rpc_pg) return std::unexpected(rpc_pg.error());
  auto roster_pg = open_pg(config, stop);
  if (!roster_pg) return std::unexpected(roster_pg.error());
  auto collector_pg = open_pg(config, stop);
  if (!collector_pg) return std::unexpected(collector_pg.error());
  auto nats = open_nats(config, *key, stop);
  if (!nats) return std::unexpected(nats.error());
  auto broker_list = open_broker_list(config);
  if (!broker_list) return std::unexpected(broker_list.error());
  auto authority = open_authority(config);
  if (!authority) return std::unexpected(authority.error());
  const auto broker_ca = read_ca(config.broker_public_ca_file);
  if (!broker_ca) return std::unexpected(broker_ca.error());

  const SystemClock clock;
  Board board;
  const blobs::UrlSigner signer(*secret, config.public_url());
  auto dashboard = StaticFiles::open(config.dashboard_directory);
  if (!dashboard) return std::unexpected(dashboard.error());
  ConnectionPool pool(config.postgres_conninfo);
  const std::string base = config.public_url();
  // Browsers do not tell the ports of a host apart: each farm's cookie has a name of its own.
  const std::string cookie = "worldshare_" + to_hex(sha256(as_bytes(base))).substr(0, 8);
  Gatekeeper gatekeeper({*token, config.api_token_from_anywhere, cookie, base}, pool, clock);
  EventHub events(**nats, pool, clock);
  BrokerRoster roster(config, std::move(*roster_pg), std::move(*broker_list));
  EnrolmentDesk enrolment(
      {config, EnrolmentNonce(*secret), *broker_ca, clock, roster, std::move(*authority)});
  Api api({config, *store, *uploads, signer, **nats, clock, board, events, enrolment, pool,
           gatekeeper, base},
          std::move(*dashboard));
  auto server = http::Server::open({.address = config.http_address,
                                    .port = config.http_port,
                                    .certificate = config.http_certificate_file,
                                    .key = config.http_key_file,
                                    // Whose upload ends in an object store waits for it.
                                    .threads = config.blobs.is_s3() ? 16U : 4U,
                                    .connections_per_address = config.connections_per_address},
                                   api);
  if (!server) return std::unexpected(server.error());
  // Behind the server: what it still sends it must not outlive.
  std::jthread events_thread([&events](std::stop_token ending) { events.run(ending); });
  RpcService rpc(config, **nats, std::move(*rpc_pg), *store, signer, clock);
  std::jthread rpc_thread([&rpc, stop] { rpc.run(stop); });
  Collector collector(config, std::move(*collector_pg), *store, clock, board);
  std::jthread collector_thread([&collector](std::stop_token ending) { collector.run(ending); });
  std::jthread roster_thread([&roster](std::stop_token ending) { roster.run(ending); });
  spdlog::info("dispatcher serves http={}:{} agents_key={}", config.http_address, (*server)->port(),
               key->public_key());
  auto outgoing = Outgoing::open({config, *key, **nats, *store, signer, clock});
  if (!outgoing) return std::unexpected(outgoing.error());
  Dispatcher dispatcher({config, **nats, clock, board}, Ledger(std::move(*ledger_pg)),
                        std::move(*outgoing));
  dispatcher.run(stop);
  return {};
}

Result<> provision(const Config& config, std::stop_token stop) {
  auto bucket = retry_until<void>("the blob store", config.startup_wait, stop,
                                  [&] { return config.blobs.provision(); });
  if (!bucket) return bucket;
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  const auto applied = pg::migrate(*pg, config.sql_directory);
  if (!applied) return std::unexpected(applied.error());
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return std::unexpected(key.error());
  auto nats = open_nats(config, *key, stop);
  if (!nats) return std::unexpected(nats.error());
  if (auto ok = nats::provision(**nats, config.streams_file, config.stream_replicas); !ok)
    return ok;
  spdlog::info("provisioned migrations={} streams={}", *applied, config.streams_file.string());
  return {};
}

Result<std::string> enrol_agent(const Config& config,
                                const std::string& agent,
                                const std::string& owner,
                                std::stop_token stop) {
  auto pg = open_pg(config, stop);
  if (!pg) return std::unexpected(pg.error());
  if (auto ok = enrol(*pg, agent, owner); !ok) return std::unexpected(ok.error());
  if (auto ok = publish_agents_once(*pg, config); !ok) return std::unexpected(ok.error());
  const auto authority = open_authority(config);
  if (!authority) return std::unexpected(authority.error());
  return *authority ? credential_of(**authority, agent, config, SystemClock().now())
                    : std::string();
}

Result<> make_accounts(const std::filesystem::path& folder) {
  return nats::make_accounts({folder}, unix_seconds(SystemClock().now()));
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
  return publish_agents_once(*pg, config);
}

Result<> follow_enrolments(const Config& config, std::stop_token stop) {
  if (config.trusts_jwts())
    return fail(Errc::kInvalid, "nats.accounts_folder: a broker with JWTs needs no follower");
  if (config.agents_conf_file.empty())
    return fail(Errc::kInvalid, "nats.agents_conf_file: is needed to follow the enrolments");
  auto list = open_broker_list(config);
  if (!list) return std::unexpected(list.error());
  while (!stop.stop_requested()) {
    auto pg = pg::Connection::open(config.postgres_conninfo);
    if (pg) {
      BrokerRoster(config, std::move(*pg), std::move(*list)).run(stop);
      break;
    }
    spdlog::warn("cannot see who is enrolled reason=\"{}\"", pg.error().message);
    sleep_unless_stopped(stop, config.broker_poll);
  }
  return {};
}

}  // namespace worldshare::dispatcher
