#include "shared/pg/migrate.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "shared/crypto.h"
#include "shared/files.h"

namespace worldshare::pg {
namespace {

namespace fs = std::filesystem;

/// Negative, as all keys of the project's advisory locks that are not row ids.
constexpr long kMigrationLock = -7'301'001;
constexpr std::size_t kMaxFileBytes = 4U << 20U;

constexpr const char* kLock = "select pg_advisory_lock($1)";
constexpr const char* kUnlock = "select pg_advisory_unlock($1)";
constexpr const char* kCreateTable =
    "create table if not exists schema_migrations ("
    " version integer primary key, name text not null, sha256 text not null,"
    " applied_at timestamptz not null default now())";
constexpr const char* kSelectApplied =
    "select version, name, sha256 from schema_migrations order by version";
constexpr const char* kInsertApplied =
    "insert into schema_migrations (version, name, sha256) values ($1, $2, $3)";

struct Migration {
  int version = 0;
  std::string name;
  std::string sha256;
  std::string sql;
};

/// 0 when the name does not begin with four digits and an underscore.
int version_of(const std::string& name) {
  if (name.size() < 5 || name[4] != '_') return 0;
  int version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 4, version);
  return error == std::errc{} && end == name.data() + 4 ? version : 0;
}

Result<Migration> read_migration(const fs::path& file) {
  const std::string name = file.filename();
  const int version = version_of(name);
  if (version <= 0) return fail(Errc::kInvalid, "not named NNNN_*.sql: " + file.string());
  auto text = read_file(file, kMaxFileBytes);
  if (!text) return std::unexpected(text.error());
  return Migration{version, name, to_hex(sha256(as_bytes(*text))), std::move(*text)};
}

Result<std::vector<Migration>> read_folder(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".sql") files.push_back(entry->path());
  }
  if (error) return fail(Errc::kInvalid, "cannot list " + folder.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  std::vector<Migration> migrations;
  for (const auto& file : files) {
    auto migration = read_migration(file);
    if (!migration) return std::unexpected(migration.error());
    if (migration->version != static_cast<int>(migrations.size()) + 1) {
      return fail(Errc::kInvalid, "the numbers have a gap or a repeat at " + file.string());
    }
    migrations.push_back(std::move(*migration));
  }
  return migrations;
}

/// How many of `migrations` the database has; kInvalid when it has others.
Result<std::size_t> count_applied(Connection& connection,
                                  const std::vector<Migration>& migrations) {
  auto rows = connection.exec(kSelectApplied);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    const auto index = static_cast<std::size_t>(row);
    if (index >= migrations.size() || rows->integer(row, 0) != migrations[index].version) {
      return fail(Errc::kInvalid,
                  "the database has a migration that is unknown here: " + rows->str(row, 1));
    }
    if (rows->text(row, 2) != migrations[index].sha256) {
      return fail(Errc::kInvalid, migrations[index].name +
                                      " changed after it was applied; add a new migration instead");
    }
  }
  return static_cast<std::size_t>(rows->size());
}

Result<> apply(Connection& connection, const Migration& migration) {
  auto transaction = Transaction::begin(connection);
  if (!transaction) return std::unexpected(transaction.error());
  auto noted =
      transaction->exec(kInsertApplied, {migration.version, migration.name, migration.sha256});
  if (!noted) return std::unexpected(noted.error());
  if (auto done = connection.script(migration.sql); !done) {
    return fail(done.error().code, migration.name + ": " + done.error().message);
  }
  return transaction->commit();
}

Result<int> apply_missing(Connection& connection, const std::vector<Migration>& migrations) {
  if (auto created = connection.exec(kCreateTable); !created)
    return std::unexpected(created.error());
  auto applied = count_applied(connection, migrations);
  if (!applied) return std::unexpected(applied.error());
  for (std::size_t i = *applied; i < migrations.size(); ++i) {
    if (auto done = apply(connection, migrations[i]); !done) return std::unexpected(done.error());
  }
  return static_cast<int>(migrations.size() - *applied);
}

}  // namespace

Result<int> migrate(Connection& connection, const std::filesystem::path& folder) {
  auto migrations = read_folder(folder);
  if (!migrations) return std::unexpected(migrations.error());
  if (auto locked = connection.exec(kLock, {kMigrationLock}); !locked)
    return std::unexpected(locked.error());
  auto applied = apply_missing(connection, *migrations);
  // A lost connection has given the lock back by itself.
  static_cast<void>(connection.exec(kUnlock, {kMigrationLock}));
  return applied;
}

}  // namespace worldshare::pg
