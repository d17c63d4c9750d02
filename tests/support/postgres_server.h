#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/process.h"
#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// A real PostgreSQL on a unix socket in a temporary folder, without fsync. Ends with this object,
/// and with the thread that started it. Whatever it cannot do stops the test program with the
/// server's log. One thread at a time.
class PostgresServer {
 public:
  static std::unique_ptr<PostgresServer> start();
  /// A standby: begins with the primary's files and follows it.
  static std::unique_ptr<PostgresServer> follow(const PostgresServer& primary);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// A new database with all migrations applied (a copy of a template, so it costs little); its
  /// conninfo.
  std::string fresh_database();
  /// A new database without any table; its conninfo.
  std::string empty_database();
  /// Conninfo of a database that exists; "postgres" is always there.
  std::string conninfo(const std::string& database = "postgres") const;

  /// Immediate shutdown: as a crash, nothing is flushed and the next start recovers.
  void kill();
  /// Fast shutdown: connections are cut, data is kept.
  void stop();
  /// After kill() or stop(). Returns when it accepts connections.
  void restart();
  /// A standby becomes a primary. Returns when it takes writes.
  void promote();
  /// Where it listens: the `host` of a conninfo.
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::string log() const;

 private:
  PostgresServer();
  /// To make the data folder.
  void run(const std::string& program, const std::vector<std::string>& arguments);
  std::string create_database(const std::string& source);

  TempFolder folder_;
  std::optional<Process> process_;
  bool has_template_ = false;
};

}  // namespace worldshare::testing
