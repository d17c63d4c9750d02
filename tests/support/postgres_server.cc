#include "tests/support/postgres_server.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "shared/files.h"
#include "shared/ids.h"
#include "shared/pg/connection.h"
#include "shared/pg/migrate.h"

namespace worldshare::testing {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin/";
constexpr const char* kTemplate = "worldshare_template";

/// PostgreSQL refuses to run as root.
std::optional<uid_t> server_user() {
  if (::geteuid() != 0) return std::nullopt;
  const passwd* entry = ::getpwnam("postgres");
  WS_CHECK(entry != nullptr, "there is no user postgres");
  return entry->pw_uid;
}

pg::Connection connect(const std::string& conninfo) {
  auto connection = pg::Connection::open(conninfo);
  if (!connection) std::fprintf(stderr, "%s\n", connection.error().message.c_str());
  WS_CHECK(connection.has_value(), "cannot connect to the test's PostgreSQL");
  return std::move(*connection);
}

template <class T>
void require(const Result<T>& result, const std::string& what) {
  if (!result) std::fprintf(stderr, "%s: %s\n", what.c_str(), result.error().message.c_str());
  WS_CHECK(result.has_value(), "the test's PostgreSQL refused");
}

}  // namespace

PostgresServer::PostgresServer() = default;
PostgresServer::~PostgresServer() { kill(); }

std::unique_ptr<PostgresServer> PostgresServer::start() {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->run("initdb",
              {"--no-sync", "-A", "trust", "-U", "worldshare", "--no-locale", "-E", "UTF8"});
  server->restart();
  return server;
}

std::unique_ptr<PostgresServer> PostgresServer::follow(const PostgresServer& primary) {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->run("pg_basebackup", {"--no-sync", "-R", "-c", "fast", "-d", primary.conninfo()});
  server->restart();
  return server;
}

void PostgresServer::promote() {
  require(connect(conninfo()).exec("select pg_promote()"), "pg_promote");
}

void PostgresServer::run(const std::string& program, const std::vector<std::string>& arguments) {
  if (const auto user = server_user()) {
    WS_CHECK(::chown(folder_.path().c_str(), *user, ::getpwuid(*user)->pw_gid) == 0,
             "chown failed");
  }
  ProcessOptions options;
  options.argv = {kPrograms + program, "-D", (folder_.path() / "data").string()};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.output_file = folder_.path() / (program + ".log");
  options.working_directory = folder_.path();
  options.uid = server_user();
  auto process = Process::spawn(options);
  require(process, program);
  const auto status = process->wait(60s);
  if (!status || *status != 0) {
    std::fprintf(stderr, "%s\n", read_file(options.output_file, 1U << 20U).value_or("").c_str());
  }
  WS_CHECK(status && *status == 0, "the test's PostgreSQL could not be made");
}

void PostgresServer::restart() {
  WS_CHECK(!process_, "the server runs already");
  ProcessOptions options;
  options.argv = {std::string(kPrograms) + "postgres",
                  "-D",
                  (folder_.path() / "data").string(),
                  "-k",
                  folder_.path().string(),
                  "-c",
                  "listen_addresses=",
                  "-c",
                  "fsync=off",
                  "-c",
                  "full_page_writes=off",
                  "-c",
                  "max_connections=200",
                  "-c",
                  "shared_buffers=32MB",
                  "-c",
                  "restart_after_crash=off"};
  options.output_file = folder_.path() / "postgres.log";
  options.working_directory = folder_.path();
  options.uid = server_user();
  // The server takes SIGQUIT as "end now" and takes its backends with it; they are groups of their
  // own.
  options.death_signal = SIGQUIT;
  auto process = Process::spawn(options);
  require(process, "postgres");
  process_ = std::move(*process);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!pg::Connection::open(conninfo())) {
    if (process_->poll() || std::chrono::steady_clock::now() > deadline) {
      std::fprintf(stderr, "%s\n", log().c_str());
      WS_CHECK(false, "PostgreSQL does not accept connections");
    }
    std::this_thread::sleep_for(10ms);
  }
}

void PostgresServer::kill() {
  if (!process_) return;
  // SIGQUIT is PostgreSQL's crash for the whole server: nothing is flushed, and the next start
  // recovers.
  process_->stop(SIGQUIT, 10s);
  process_.reset();
}

void PostgresServer::stop() {
  if (!process_) return;
  process_->stop(SIGINT, 20s);
  process_.reset();
}

std::string PostgresServer::conninfo(const std::string& database) const {
  return "host=" + folder_.path().string() + " user=worldshare dbname=" + database;
}

std::string PostgresServer::create_database(const std::string& source) {
  const std::string name = "test_" + new_id();
  require(connect(conninfo()).script("create database " + name + " template " + source),
          "create database");
  return conninfo(name);
}

std::string PostgresServer::empty_database() { return create_database("template0"); }

std::string PostgresServer::fresh_database() {
  if (!has_template_) {
    require(connect(conninfo()).script(std::string("create database ") + kTemplate),
            "create database");
    auto connection = connect(conninfo(kTemplate));
    require(pg::migrate(connection, std::filesystem::path(WS_SOURCE_DIR) / "schemas/sql"),
            "migrate");
    has_template_ = true;
  }
  return create_database(kTemplate);
}

std::string PostgresServer::log() const {
  return read_file(folder_.path() / "postgres.log", 64U << 20U).value_or("");
}

}  // namespace worldshare::testing
