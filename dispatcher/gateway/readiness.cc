#include "dispatcher/gateway/readiness.h"

#include <filesystem>

#include "shared/nats/stream_reader.h"

namespace worldshare::dispatcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMigrations = "select count(*) from schema_migrations";

/// Each of these: what is wrong, or "".
std::string postgres_trouble(Gateway& gateway) {
  auto pg = gateway.pool.borrow();
  return pg && (**pg).exec("select 1") ? "" : "cannot be reached";
}

std::string schema_trouble(Gateway& gateway) {
  std::error_code error;
  std::int64_t known = 0;
  for (const auto& file : fs::directory_iterator(gateway.parts.config.sql_directory, error))
    known += file.path().extension() == ".sql" ? 1 : 0;
  auto pg = gateway.pool.borrow();
  auto rows = pg ? (**pg).exec(kMigrations) : Result<pg::Rows>(std::unexpected(pg.error()));
  if (!rows) return "cannot be read; run --provision once";
  // A machine without the files trusts the tables.
  if (error || rows->integer(0, 0) >= known) return "";
  return "the tables are older than this program: run --provision";
}

std::string broker_trouble(Gateway& gateway) {
  return gateway.parts.nats.connected() ? "" : "cannot be reached";
}

std::string streams_trouble(Gateway& gateway) {
  if (nats::stream_range(gateway.parts.nats, "EVENTS")) return "";
  return "the stream EVENTS does not answer; run --provision if it was never made";
}

std::string blobs_trouble(Gateway& gateway) { return gateway.parts.store.trouble(); }

}  // namespace

wire::ReadinessT readiness_of(Gateway& gateway) {
  wire::ReadinessT out;
  out.version = WORLDSHARE_VERSION;
  out.ready = true;
  const auto add = [&](const char* name, std::string trouble) {
    auto line = std::make_unique<wire::DependencyT>();
    line->name = name;
    line->ok = trouble.empty();
    line->reason = std::move(trouble);
    out.ready = out.ready && line->ok;
    out.dependencies.push_back(std::move(line));
  };
  add("postgres", postgres_trouble(gateway));
  add("schema", schema_trouble(gateway));
  add("broker", broker_trouble(gateway));
  add("streams", streams_trouble(gateway));
  add("blobs", blobs_trouble(gateway));
  return out;
}

}  // namespace worldshare::dispatcher
