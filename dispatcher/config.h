#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "dispatcher/economy/economy.h"
#include "shared/blobs/store_settings.h"
#include "shared/crypto.h"
#include "shared/nats/connection.h"
#include "shared/nats/jwt/accounts_folder.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"

namespace worldshare::dispatcher {

/// The dispatcher's settings. Order: these defaults < YAML < flags.
struct Config {
  static EconomyOptions careful() {
    EconomyOptions out;
    out.pair_after_commit = true;
    return out;
  }

  std::string http_address = "127.0.0.1";
  std::uint16_t http_port = 8080;
  std::filesystem::path http_certificate_file;  ///< PEM with its chain: HTTPS; empty: plain HTTP
  std::filesystem::path http_key_file;          ///< of the certificate
  bool http_allow_plain = false;  ///< plain HTTP to other machines, such as to a proxy
  std::string http_public_url;    ///< base of signed URLs; empty: http[s]://<address>:<port>
  /// Its token is an operator's, on this machine only; empty: there is no such token.
  std::filesystem::path api_token_file;
  bool api_token_from_anywhere = false;  ///< and on others: where nobody else is in the network
  std::chrono::milliseconds session_life{12 * 3'600'000};  ///< of a browser that signed in
  double requests_per_second = 100;      ///< of one token, in the long run; 0: no limit
  double request_burst = 400;            ///< and at once
  double open_requests_per_second = 20;  ///< of one address, without a token
  double open_request_burst = 100;
  std::uint32_t connections_per_address = 512;  ///< 0: no limit
  std::filesystem::path url_secret_file;        ///< at least 32 bytes; signs blob URLs
  blobs::StoreSettings blobs;
  std::uint64_t scene_limit_bytes = 10ULL << 30;
  std::uint64_t scene_limit_plain_bytes = 64ULL << 30;  ///< uncompressed
  std::uint64_t artifact_limit_bytes = 512ULL << 20;
  std::uint64_t open_upload_bytes = 4ULL << 30;  ///< that one agent may hand in for leases it holds
  std::chrono::milliseconds blob_grace{7 * 24 *
                                       3'600'000};  ///< what nothing refers to stays so long
  std::chrono::milliseconds collect_every{60'000};

  std::filesystem::path dashboard_directory;  ///< the built pages; empty: no dashboard
  double gpu_hour_price = 0;  ///< what an hour costs elsewhere, for the cost saved; 0: not shown
  std::string currency = "EUR";

  std::string nats_url = "nats://127.0.0.1:4222";
  std::filesystem::path nats_ca_file;    ///< whom to trust with tls://; empty: the system's
  bool nats_allow_plain = false;         ///< nats:// to another machine, unencrypted
  std::filesystem::path nats_seed_file;  ///< also signs tickets
  std::string postgres_conninfo = "dbname=worldshare";

  std::filesystem::path streams_file = "broker-config/streams.yaml";
  std::uint32_t stream_replicas = 0;  ///< of every stream; 0: as the file says
  std::filesystem::path sql_directory = "schemas/sql";
  /// Of --make-accounts: the broker trusts JWTs, and agents get theirs here; empty: it has
  /// agents_conf_file.
  std::filesystem::path accounts_folder;
  std::chrono::milliseconds credential_life{30 * 24 * 3'600'000LL};  ///< of an agent's JWT
  std::filesystem::path agents_conf_file;       ///< the broker's list; empty: another keeps it
  std::filesystem::path broker_pid_file;        ///< who gets SIGHUP afterwards; empty: nobody
  std::string broker_monitor_url;               ///< http://host:port, tells when it has followed
  std::string broker_public_url;                ///< how agents reach the broker; empty: as we do
  std::filesystem::path broker_public_ca_file;  ///< whom agents trust for it; empty: their system
  std::chrono::milliseconds broker_reload{2'000};  ///< it reads agents.conf at most so often
  std::chrono::milliseconds broker_poll{3'000};    ///< how soon what others wrote is found
  std::uint32_t enrolment_attempts = 30;           ///< of one address in a minute

  EconomyOptions economy = careful();
  std::chrono::milliseconds url_lifetime{3'600'000};
  std::chrono::milliseconds time_limit{24 * 3'600'000};  ///< wall clock of one unit
  std::chrono::milliseconds startup_wait{30'000};        ///< how long services may take to appear
  std::string log_level = "info";

  YamlFields fields();
  /// Values that fit together; the error names the key.
  Result<> check() const;
  bool trusts_jwts() const { return !accounts_folder.empty(); }
  nats::AccountsFolder accounts() const { return {accounts_folder}; }
  /// How the dispatcher connects to the broker.
  nats::ConnectOptions broker(const NKey& key) const;
  /// The base of signed URLs.
  std::string public_url() const;
};

}  // namespace worldshare::dispatcher
