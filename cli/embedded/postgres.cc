#include "cli/embedded/postgres.h"

#include <pwd.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace worldshare::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// Debian keeps the programs of each major version in a folder of its own; the newest wins.
Result<fs::path> postgres_programs() {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (fs::exists(entry.path() / "bin/initdb") && fs::exists(entry.path() / "bin/postgres")) {
      found.push_back(entry.path() / "bin");
    }
  }
  if (found.empty()) {
    return fail(Errc::kUnavailable,
                "PostgreSQL is missing; install the Debian package postgresql-15");
  }
  return *std::ranges::max_element(found);
}

std::optional<uid_t> user_for_postgres() {
  if (::geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* user = ::getpwnam(name); user != nullptr) return user->pw_uid;
  }
  return std::nullopt;
}

}  // namespace

Result<EmbeddedPostgres> postgres_service(const fs::path& state, Supervisor& supervisor) {
  const auto programs = postgres_programs();
  if (!programs) return std::unexpected(programs.error());
  const fs::path folder = state / "pg";
  if (folder.string().size() + sizeof "/.s.PGSQL.5432" > sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::kInvalid, "--state: " + state.string() +
                                    " is too long for PostgreSQL's socket; choose a shorter path");
  }
  const auto uid = user_for_postgres();
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && uid && ::chown(folder.c_str(), *uid, static_cast<gid_t>(-1)) != 0) {
    return fail(Errc::kDenied, "cannot give " + folder.string() + " to PostgreSQL's user");
  }
  // PostgreSQL's user must reach its folder, and may list nothing on the way.
  if (!error && uid) fs::permissions(state, fs::perms(0711), error);
  if (error)
    return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + error.message());
  const fs::path data = folder / "data";
  if (!fs::exists(data / "PG_VERSION")) {
    ProcessOptions initdb;
    initdb.argv = {(*programs / "initdb").string(),
                   "--pgdata",
                   data.string(),
                   "--username",
                   "worldshare",
                   "--auth",
                   "trust",
                   "--encoding",
                   "UTF8",
                   "--no-locale",
                   "--no-sync",
                   "--no-instructions"};
    initdb.output_file = state / "logs/postgres.log";
    initdb.working_directory = "/";
    initdb.uid = uid;
    if (auto ok = supervisor.run_once("initdb", initdb, 120s); !ok)
      return std::unexpected(ok.error());
  }
  EmbeddedPostgres out;
  out.conninfo = "host=" + folder.string() + " user=worldshare dbname=postgres";
  out.service.name = "postgres";
  out.service.stop_signal = SIGINT;  // PostgreSQL's fast shutdown
  out.service.grace = 10s;
  auto& process = out.service.process;
  process.argv = {(*programs / "postgres").string(),
                  "-D",
                  data.string(),
                  "-c",
                  "listen_addresses=",
                  "-c",
                  "unix_socket_directories=" + folder.string(),
                  "-c",
                  "unix_socket_permissions=0700",
                  "-c",
                  "max_connections=60",
                  "-c",
                  "shared_buffers=32MB"};
  process.output_file = state / "logs/postgres.log";
  process.working_directory = "/";
  process.uid = uid;
  process.death_signal =
      SIGQUIT;  // when we are killed, it ends at once and recovers at the next start
  return out;
}

}  // namespace worldshare::cli
