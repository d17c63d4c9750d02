#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include "shared/pg/connection.h"
#include "shared/pg/migrate.h"
#include "tests/support/postgres_server.h"

namespace worldshare::pg {
namespace {

namespace fs = std::filesystem;

class Pg : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = worldshare::testing::PostgresServer::start(); }
  static void TearDownTestSuite() { server.reset(); }

  static Connection connect(const std::string& conninfo, Plans plans = Plans::kFresh) {
    auto connection = Connection::open(conninfo, plans);
    WS_CHECK(connection.has_value(), "no connection");
    return std::move(*connection);
  }

  static std::unique_ptr<worldshare::testing::PostgresServer> server;
};

std::unique_ptr<worldshare::testing::PostgresServer> Pg::server;

Errc code_of(const Result<Rows>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Errc::kInternal : result.error().code;
}

TEST_F(Pg, ParametersAndRows) {
  auto db = connect(server->empty_database());
  auto rows = db.exec(
      "select $1::text, $2::bigint, $3::float8, $4::bool, $5::text, $6::text[], $7::bigint[]",
      {"it's", -7, 0.1, true, std::nullopt, array(std::vector<std::string>{"a\"\\,", ""}),
       array(std::vector<std::int64_t>{1, -2})});
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  ASSERT_EQ(rows->size(), 1);
  EXPECT_EQ(rows->text(0, 0), "it's");
  EXPECT_EQ(rows->integer(0, 1), -7);
  EXPECT_EQ(rows->real(0, 2), 0.1);
  EXPECT_TRUE(rows->boolean(0, 3));
  EXPECT_TRUE(rows->is_null(0, 4));
  EXPECT_EQ(rows->text(0, 5), R"({"a\"\\,",""})");
  EXPECT_EQ(rows->text(0, 6), "{1,-2}");
}

TEST_F(Pg, KeptPlansAnswerAsFreshOnesAndUseKeys) {
  auto db = connect(server->empty_database(), Plans::kKept);
  ASSERT_TRUE(db.script("create table t (a int primary key, b text)"));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(db.exec("insert into t values ($1, $2)", {i, "b" + std::to_string(i)}));
    const auto rows = db.exec("select b from t where a = $1", {i});
    ASSERT_TRUE(rows.has_value()) << rows.error().message;
    EXPECT_EQ(rows->text(0, 0), "b" + std::to_string(i));
  }
  EXPECT_EQ(db.exec("select count(*) from pg_prepared_statements")->integer(0, 0), 3);
  const auto plan = db.exec("explain select b from t where a = 1");
  EXPECT_NE(plan->text(0, 0).find("Index Scan"), std::string::npos) << plan->text(0, 0);
}

TEST_F(Pg, PlansByKeysJoinRowByRow) {
  auto db = connect(server->empty_database(), Plans::kByKeys);
  ASSERT_TRUE(db.script(
      "create table t (a int primary key, b int); create table u (a int primary key, b int); "
      "insert into t select i, i from generate_series(1, 1000) i; insert into u select * from t; "
      "analyze t; analyze u"));
  const auto plan = db.exec("explain select * from t join u on u.a = t.b where t.a < 900");
  EXPECT_NE(plan->text(0, 0).find("Nested Loop"), std::string::npos) << plan->text(0, 0);
}

TEST_F(Pg, KeptPlansSurviveErrorsRollbacksAndALostServer) {
  const auto conninfo = server->empty_database();
  auto db = connect(conninfo, Plans::kKept);
  ASSERT_TRUE(db.script("create table t (a int primary key)"));
  for (int i = 0; i < 3; ++i) {
    auto transaction = Transaction::begin(db);
    ASSERT_TRUE(transaction.has_value());
    EXPECT_TRUE(transaction->exec("insert into t values ($1)", {1}));
    EXPECT_EQ(code_of(transaction->exec("insert into t values ($1)", {1})), Errc::kConflict);
    EXPECT_EQ(code_of(transaction->exec("select $1::int", {1})), Errc::kInternal) << "it failed";
  }
  EXPECT_EQ(db.exec("select count(*) from t")->integer(0, 0), 0);
  auto other = connect(conninfo);
  ASSERT_TRUE(
      other.exec("select pg_terminate_backend(pid) from pg_stat_activity where pid <> "
                 "pg_backend_pid() and datname = current_database()"));
  EXPECT_EQ(code_of(db.exec("select count(*) from t")), Errc::kUnavailable);
  EXPECT_TRUE(db.exec("select count(*) from t"));
}

TEST_F(Pg, AKeptPlanThatAMigrationOutdatedIsMadeAnew) {
  const auto conninfo = server->empty_database();
  auto db = connect(conninfo, Plans::kKept);
  ASSERT_TRUE(db.script("create table t (a int); insert into t values (1)"));
  ASSERT_TRUE(db.exec("select a from t"));
  ASSERT_TRUE(connect(conninfo).script("alter table t alter a type bigint"));
  EXPECT_EQ(code_of(db.exec("select a from t")), Errc::kUnavailable);
  EXPECT_EQ(db.exec("select a from t")->integer(0, 0), 1);
}

TEST_F(Pg, AffectedCountsRows) {
  auto db = connect(server->empty_database());
  ASSERT_TRUE(db.script("create table t (a int); insert into t select generate_series(1, 5)"));
  EXPECT_EQ(db.exec("delete from t where a > $1", {2})->affected(), 3);
}

TEST_F(Pg, ErrorsSayWhatToDo) {
  auto db = connect(server->empty_database());
  ASSERT_TRUE(
      db.script("create table t (a int primary key check (a < 10)); insert into t values (1)"));
  EXPECT_EQ(code_of(db.exec("insert into t values (1)")), Errc::kConflict);
  EXPECT_EQ(code_of(db.exec("insert into t values (11)")), Errc::kInvalid);
  EXPECT_EQ(code_of(db.exec("select $1::int", {"x"})), Errc::kInvalid);
  EXPECT_EQ(code_of(db.exec("select $1", {"\xff"})), Errc::kInvalid);
  EXPECT_EQ(code_of(db.exec("select $1", {std::string("a\0b", 3)})), Errc::kInvalid);
  EXPECT_EQ(code_of(db.exec("selekt 1")), Errc::kInternal);
  ASSERT_TRUE(db.script("set statement_timeout = 10"));
  EXPECT_EQ(code_of(db.exec("select pg_sleep(5)")), Errc::kTimeout);
}

TEST_F(Pg, BadAddressIsInvalidAndAbsentServerUnavailable) {
  EXPECT_EQ(Connection::open("nonsense").error().code, Errc::kInvalid);
  EXPECT_EQ(Connection::open("host=/nowhere").error().code, Errc::kUnavailable);
}

TEST_F(Pg, FindsWhoTookOverWithAllThatWasCommitted) {
  auto primary = worldshare::testing::PostgresServer::start();
  const auto standby = worldshare::testing::PostgresServer::follow(*primary);
  auto db = connect("host=" + primary->folder().string() + "," + standby->folder().string() +
                    " user=worldshare dbname=postgres target_session_attrs=read-write");
  ASSERT_TRUE(db.exec("alter system set synchronous_standby_names = '*'"));
  ASSERT_TRUE(db.exec("select pg_reload_conf()"));
  bool in_step = false;
  for (int i = 0; i < 2'000 && !in_step; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto rows = db.exec("select from pg_stat_replication where sync_state = 'sync'");
    in_step = rows && !rows->empty();
  }
  ASSERT_TRUE(in_step);
  ASSERT_TRUE(db.script("create table t (a int)"));
  const auto generation = db.generation();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(db.exec("insert into t values ($1)", {i}));

  primary.reset();
  EXPECT_EQ(code_of(db.exec("insert into t values (20)")), Errc::kUnavailable);
  EXPECT_EQ(code_of(db.exec("insert into t values (20)")), Errc::kUnavailable)
      << "a standby takes no writes";
  standby->promote();
  EXPECT_TRUE(db.exec("insert into t values (20)"));
  EXPECT_EQ(db.exec("select count(*) from t")->integer(0, 0), 21);
  EXPECT_GT(db.generation(), generation);
}

TEST_F(Pg, TransactionCommits) {
  const auto database = server->empty_database();
  auto db = connect(database);
  ASSERT_TRUE(db.script("create table t (a int)"));
  auto transaction = Transaction::begin(db);
  ASSERT_TRUE(transaction.has_value());
  ASSERT_TRUE(transaction->exec("insert into t values ($1)", {1}));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(connect(database).exec("select * from t")->size(), 1);
}

TEST_F(Pg, TransactionRollsBackByItself) {
  auto db = connect(server->empty_database());
  ASSERT_TRUE(db.script("create table t (a int)"));
  {
    auto transaction = Transaction::begin(db);
    ASSERT_TRUE(transaction.has_value());
    ASSERT_TRUE(transaction->exec("insert into t values ($1)", {1}));
  }
  EXPECT_EQ(db.exec("select * from t")->size(), 0);
  EXPECT_TRUE(Transaction::begin(db).has_value());
}

TEST_F(Pg, CommitOfAFailedTransactionIsAnError) {
  auto db = connect(server->empty_database());
  auto transaction = Transaction::begin(db);
  ASSERT_TRUE(transaction.has_value());
  EXPECT_FALSE(transaction->exec("select 1/0"));
  auto committed = transaction->commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().code, Errc::kInternal);
}

TEST_F(Pg, ReconnectsAfterRestart) {
  auto db = connect(server->fresh_database());
  const auto generation = db.generation();
  server->kill();
  EXPECT_EQ(code_of(db.exec("select 1")), Errc::kUnavailable);
  EXPECT_EQ(code_of(db.exec("select 1")), Errc::kUnavailable);
  server->restart();
  EXPECT_TRUE(db.exec("select count(*) from jobs"));
  EXPECT_GT(db.generation(), generation);
}

TEST_F(Pg, TransactionDoesNotGoOnOverANewConnection) {
  auto db = connect(server->empty_database());
  ASSERT_TRUE(db.script("create table t (a int)"));
  {
    auto transaction = Transaction::begin(db);
    ASSERT_TRUE(transaction.has_value());
    ASSERT_TRUE(transaction->exec("insert into t values (1)"));
    server->stop();
    server->restart();
    EXPECT_EQ(code_of(transaction->exec("insert into t values (2)")), Errc::kUnavailable);
    EXPECT_EQ(code_of(transaction->exec("insert into t values (3)")), Errc::kUnavailable);
    EXPECT_FALSE(transaction->commit());
  }
  EXPECT_EQ(db.exec("select * from t")->size(), 0);
}

class Migrate : public Pg {
 protected:
  void write(const std::string& name, const std::string& sql) {
    std::ofstream(folder.path() / name) << sql;
  }
  worldshare::testing::TempFolder folder;
};

TEST_F(Migrate, AppliesOnce) {
  auto db = connect(server->empty_database());
  write("0001_a.sql", "create table a (x int); create table b (x int);");
  EXPECT_EQ(migrate(db, folder.path()).value_or(-1), 1);
  write("0002_b.sql", "alter table a add y int;");
  EXPECT_EQ(migrate(db, folder.path()).value_or(-1), 1);
  EXPECT_EQ(migrate(db, folder.path()).value_or(-1), 0);
  EXPECT_TRUE(db.exec("select x, y from a"));
}

TEST_F(Migrate, ProjectSchemaApplies) {
  auto db = connect(server->empty_database());
  auto applied = migrate(db, fs::path(WS_SOURCE_DIR) / "schemas/sql");
  ASSERT_TRUE(applied.has_value()) << applied.error().message;
  EXPECT_GE(*applied, 1);
}

TEST_F(Migrate, ChangedFileIsRefused) {
  auto db = connect(server->empty_database());
  write("0001_a.sql", "create table a (x int);");
  ASSERT_TRUE(migrate(db, folder.path()));
  write("0001_a.sql", "create table a (x bigint);");
  auto again = migrate(db, folder.path());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Errc::kInvalid);
}

TEST_F(Migrate, GapIsRefused) {
  auto db = connect(server->empty_database());
  write("0001_a.sql", "create table a (x int);");
  write("0003_c.sql", "create table c (x int);");
  EXPECT_EQ(migrate(db, folder.path()).error().code, Errc::kInvalid);
  EXPECT_FALSE(db.exec("select * from a"));
}

TEST_F(Migrate, FailedFileLeavesNothing) {
  auto db = connect(server->empty_database());
  write("0001_a.sql", "create table a (x int); create tabel b (x int);");
  EXPECT_FALSE(migrate(db, folder.path()));
  EXPECT_FALSE(db.exec("select * from a"));
  EXPECT_EQ(db.exec("select * from schema_migrations")->size(), 0);
}

TEST_F(Migrate, SeveralProcessesAtOnce) {
  const auto database = server->empty_database();
  write("0001_a.sql", "create table a (x int); select pg_sleep(0.1);");
  write("0002_b.sql", "insert into a values (1);");
  std::array<int, 4> applied{};
  {
    std::vector<std::jthread> threads;
    for (auto& count : applied) {
      threads.emplace_back([&] {
        auto db = connect(database);
        count = migrate(db, folder.path()).value_or(-1);
      });
    }
  }
  std::sort(applied.begin(), applied.end());
  EXPECT_EQ(applied, (std::array<int, 4>{0, 0, 0, 2}));
  EXPECT_EQ(connect(database).exec("select * from a")->size(), 1);
}

}  // namespace
}  // namespace worldshare::pg
