#include "shared/pg/connection.h"

#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <chrono>
#include <unordered_map>

#include "shared/unique_handle.h"

namespace worldshare::pg {
namespace {

using ConnectionHandle = UniqueHandle<PGconn, PQfinish>;
using ResultHandle = UniqueHandle<PGresult, PQclear>;

void ignore_notice(void*, const char*) {}

/// libpq ends its messages with a line feed and indents what follows the first line.
std::string one_line(const char* text) {
  std::string result;
  for (const char* c = text == nullptr ? "" : text; *c != '\0'; ++c) {
    const char plain = *c == '\n' || *c == '\t' ? ' ' : *c;
    if (plain != ' ' || !result.ends_with(' ')) result += plain;
  }
  while (result.ends_with(' ')) result.pop_back();
  return result;
}

Errc classify(std::string_view state) {
  const auto family = state.substr(0, 2);
  if (state == "57014") return Errc::kTimeout;  // cancelled, by a statement timeout for example
  if (family == "08" || family == "53" || family == "57" || family == "58")
    return Errc::kUnavailable;
  if (family == "40" || state == "23505" || state == "23P01" || state == "55P03")
    return Errc::kConflict;
  if (family == "22" || family == "23") return Errc::kInvalid;
  return Errc::kInternal;
}

Error describe(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string message = one_line(PQresultErrorMessage(result));
  // Only libpq itself reports without a state: the server went away in the middle.
  if (state == nullptr) return {Errc::kUnavailable, message};
  return {classify(state), message + " [" + state + "]"};
}

/// A migration changed what a kept statement returns; a new session plans it anew.
bool is_outdated_plan(const PGresult* result) {
  const char* function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
  return function != nullptr && function == std::string_view("RevalidateCachedQuery");
}

bool ends_session(const PGresult* result) {
  if (is_outdated_plan(result)) return true;
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == nullptr || severity != std::string_view("ERROR");
}

/// Statements beyond these are planned each time: somebody writes numbers into their text.
constexpr std::size_t kMostKept = 200;
/// Young tables grow tenfold in seconds, and a plan for ten rows is a bad one for a thousand.
constexpr std::chrono::seconds kPlanLife{2};

/// Our statements are short: compiling one (JIT), which a planner that was told to use keys only
/// takes for worth it, costs 70 to 170 ms. A plan that is kept for a while must not read all of a
/// table because the table was small, nor all of an index to merge it with another.
const char* settings_for(Plans plans) {
#define WS_KEPT "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
  switch (plans) {
    case Plans::kFresh: return "-c jit=off";
    case Plans::kKept: return WS_KEPT;
    case Plans::kByKeys: return WS_KEPT " -c enable_mergejoin=off -c enable_hashjoin=off";
  }
#undef WS_KEPT
  return "";
}

/// Later keywords win, so what `conninfo` says overrides what is set here. Who waits for an answer
/// has nothing under way whose loss it would notice: only keepalives find out that the server's
/// host is gone.
ConnectionHandle connect(const std::string& conninfo, Plans plans) {
  const char* const settings = settings_for(plans);
  const std::array<const char*, 8> keys{
      "connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
      "client_encoding", "options",          "dbname",          nullptr};
  const std::array<const char*, 8> values{"5",      "15000",          "15",   "5", "UTF8",
                                          settings, conninfo.c_str(), nullptr};
  ConnectionHandle handle(PQconnectdbParams(keys.data(), values.data(), 1));
  PQsetNoticeProcessor(handle.get(), ignore_notice, nullptr);
  return handle;
}

std::string quoted(const std::string& item) {
  std::string result = "\"";
  for (const char c : item) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

template <class T, class Format>
std::string array_text(const std::vector<T>& items, Format format) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += format(item);
  }
  return text + "}";
}

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Param::Param(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  text_ = std::string(buffer.data(), end);
}

Param array(const std::vector<std::string>& items) { return array_text(items, quoted); }

Param array(const std::vector<std::int64_t>& items) {
  return array_text(items, [](std::int64_t item) { return std::to_string(item); });
}

struct Rows::Impl {
  ResultHandle result;
};

Rows::Rows() = default;
Rows::~Rows() = default;
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;

int Rows::size() const { return impl_ ? PQntuples(impl_->result.get()) : 0; }

bool Rows::is_null(int row, int column) const {
  return !impl_ || PQgetisnull(impl_->result.get(), row, column) != 0;
}

std::string_view Rows::text(int row, int column) const {
  if (!impl_ || row >= size()) return {};
  const PGresult* result = impl_->result.get();
  return {PQgetvalue(result, row, column),
          static_cast<std::size_t>(PQgetlength(result, row, column))};
}

std::int64_t Rows::integer(int row, int column) const {
  return number<std::int64_t>(text(row, column));
}
double Rows::real(int row, int column) const { return number<double>(text(row, column)); }
bool Rows::boolean(int row, int column) const { return text(row, column) == "t"; }

std::vector<std::string> Rows::list(int row, int column) const {
  std::vector<std::string> out;
  const std::string_view lines = text(row, column);
  for (std::size_t begin = 0; begin < lines.size();) {
    const auto end = std::min(lines.find('\n', begin), lines.size());
    out.emplace_back(lines.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::int64_t Rows::affected() const {
  return impl_ ? number<std::int64_t>(PQcmdTuples(impl_->result.get())) : 0;
}

struct Connection::Impl {
  std::string conninfo;
  Plans plans = Plans::kFresh;
  ConnectionHandle handle;
  std::unordered_map<std::string, std::string> kept;  ///< names of statements, by their text
  std::chrono::steady_clock::time_point planned_at{};
  std::uint64_t generation = 0;
  bool in_transaction = false;

  bool alive() const { return PQstatus(handle.get()) == CONNECTION_OK; }

  Result<> ensure_connected() {
    if (alive()) return {};
    // What the transaction did so far is gone, so the rest of it must not run by itself.
    if (in_transaction)
      return fail(Errc::kUnavailable, "the connection was lost within a transaction");
    kept.clear();
    handle = connect(conninfo, plans);
    if (!alive()) return fail(Errc::kUnavailable, one_line(PQerrorMessage(handle.get())));
    ++generation;
    return {};
  }

  Result<ResultHandle> check(ResultHandle result) {
    if (!alive()) return fail(Errc::kUnavailable, one_line(PQerrorMessage(handle.get())));
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) {
      return result;
    }
    Error error = describe(result.get());
    if (is_outdated_plan(result.get())) error.code = Errc::kUnavailable;
    // The server has said its last word on this connection, even if libpq has not seen it close.
    if (ends_session(result.get())) handle.reset();
    return std::unexpected(error);
  }

  Result<> renew_plans() {
    const auto now = std::chrono::steady_clock::now();
    if (in_transaction || now < planned_at + kPlanLife) return {};
    planned_at = now;
    const auto done = check(ResultHandle(PQexec(handle.get(), "discard plans")));
    return done ? Result<>() : std::unexpected(done.error());
  }

  Result<ResultHandle> run(const char* sql, const std::vector<const char*>& values) {
    const int count = static_cast<int>(values.size());
    if (plans == Plans::kFresh || (kept.size() >= kMostKept && !kept.contains(sql))) {
      return check(ResultHandle(
          PQexecParams(handle.get(), sql, count, nullptr, values.data(), nullptr, nullptr, 0)));
    }
    if (auto ok = renew_plans(); !ok) return std::unexpected(ok.error());
    auto found = kept.find(sql);
    if (found == kept.end()) {
      const std::string name = "s" + std::to_string(kept.size());
      auto made = check(ResultHandle(PQprepare(handle.get(), name.c_str(), sql, count, nullptr)));
      if (!made) return made;
      found = kept.emplace(sql, name).first;
    }
    return check(ResultHandle(PQexecPrepared(handle.get(), found->second.c_str(), count,
                                             values.data(), nullptr, nullptr, 0)));
  }
};

Connection::Connection() : impl_(std::make_unique<Impl>()) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const std::string& conninfo, Plans plans) {
  char* problem = nullptr;
  const UniqueHandle<PQconninfoOption, PQconninfoFree> options(
      PQconninfoParse(conninfo.c_str(), &problem));
  if (!options) {
    const UniqueHandle<char, PQfreemem> owned(problem);
    return fail(Errc::kInvalid, "bad database address: " + one_line(problem));
  }
  Connection connection;
  connection.impl_->conninfo = conninfo;
  connection.impl_->plans = plans;
  if (auto connected = connection.impl_->ensure_connected(); !connected) {
    return std::unexpected(connected.error());
  }
  return connection;
}

Result<Rows> Connection::exec(const char* sql, std::initializer_list<Param> params) {
  std::vector<const char*> values;
  for (const auto& param : params) {
    if (param.has_zero_byte()) return fail(Errc::kInvalid, "a text value contains a zero byte");
    values.push_back(param.c_str());
  }
  if (auto connected = impl_->ensure_connected(); !connected)
    return std::unexpected(connected.error());
  auto result = impl_->run(sql, values);
  if (!result) return std::unexpected(result.error());
  Rows rows;
  rows.impl_ = std::make_unique<Rows::Impl>(std::move(*result));
  return rows;
}

Result<> Connection::script(const std::string& sql) {
  if (auto connected = impl_->ensure_connected(); !connected) return connected;
  auto result = impl_->check(ResultHandle(PQexec(impl_->handle.get(), sql.c_str())));
  if (!result) return std::unexpected(result.error());
  return {};
}

std::uint64_t Connection::generation() const { return impl_->generation; }

Transaction::Transaction(Connection& connection) : connection_(&connection) {}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(other.connection_), open_(std::exchange(other.open_, false)) {}

Result<Transaction> Transaction::begin(Connection& connection) {
  WS_CHECK(!connection.impl_->in_transaction, "one transaction at a time");
  if (auto begun = connection.exec("begin"); !begun) return std::unexpected(begun.error());
  connection.impl_->in_transaction = true;
  return Transaction(connection);
}

Transaction::~Transaction() {
  if (!open_) return;
  // A lost connection has rolled back by itself.
  if (connection_->impl_->alive()) static_cast<void>(connection_->exec("rollback"));
  connection_->impl_->in_transaction = false;
}

Result<Rows> Transaction::exec(const char* sql, std::initializer_list<Param> params) {
  return connection_->exec(sql, params);
}

Result<> Transaction::run(const char* sql, std::initializer_list<Param> params) {
  if (auto rows = exec(sql, params); !rows) return std::unexpected(rows.error());
  return {};
}

Result<> Transaction::commit() {
  auto answer = connection_->exec("commit");
  if (!answer) return std::unexpected(answer.error());
  connection_->impl_->in_transaction = false;
  open_ = false;
  // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, not with an error.
  if (std::string_view(PQcmdStatus(answer->impl_->result.get())) == "ROLLBACK") {
    return fail(Errc::kInternal, "the transaction had failed before its commit");
  }
  return {};
}

}  // namespace worldshare::pg
