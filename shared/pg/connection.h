#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace worldshare::pg {

/// One parameter, sent as text ($1, $2, ...). Implicit on purpose: exec(sql, {job, 7,
/// std::nullopt}).
class Param {
 public:
  Param(std::nullopt_t) {}
  Param(const char* text) : text_(text) {}
  Param(std::string text) : text_(std::move(text)) {}
  Param(std::string_view text) : text_(std::string(text)) {}
  Param(bool value) : text_(value ? "t" : "f") {}
  Param(int value) : text_(std::to_string(value)) {}
  Param(unsigned value) : text_(std::to_string(value)) {}
  Param(long value) : text_(std::to_string(value)) {}
  Param(unsigned long value) : text_(std::to_string(value)) {}
  Param(double value);
  const char* c_str() const { return text_ ? text_->c_str() : nullptr; }
  /// PostgreSQL text cannot hold a zero byte: exec() answers kInvalid.
  bool has_zero_byte() const { return text_ && text_->find('\0') != std::string::npos; }

 private:
  std::optional<std::string> text_;
};

/// A PostgreSQL array literal, for `unnest($1::text[])` and `= any($1)`.
Param array(const std::vector<std::string>& items);
Param array(const std::vector<std::int64_t>& items);

/// The rows of an answer. Owns them; cheap to move. Column indices count from 0.
class Rows {
 public:
  Rows();
  ~Rows();
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;
  int size() const;
  bool empty() const { return size() == 0; }
  bool is_null(int row, int column) const;
  /// Valid as long as this object. NULL reads as "".
  std::string_view text(int row, int column) const;
  std::string str(int row, int column) const { return std::string(text(row, column)); }
  std::int64_t integer(int row, int column) const;  ///< NULL reads as 0
  double real(int row, int column) const;           ///< NULL reads as 0
  bool boolean(int row, int column) const;          ///< NULL reads as false
  /// The lines of a text, as array_to_string(..., E'\n') makes them.
  std::vector<std::string> list(int row, int column) const;
  /// Rows that INSERT, UPDATE or DELETE touched.
  std::int64_t affected() const;

 private:
  friend class Connection;
  friend class Transaction;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How a connection's statements are planned.
enum class Plans : std::uint8_t {
  kFresh,  ///< each time, for the tables as they are
  kKept,   ///< every few seconds, and no table is read whole: for who says a few statements all day
  kByKeys,  ///< like kKept, and tables are joined row by row through their indexes: for statements
            ///< about few rows of tables that grow for ever
};

/// One connection, one thread. When the server goes away, the running call fails with kUnavailable
/// and the next one reconnects (at most one attempt per call). Session state (advisory locks) is
/// lost then: see generation().
///
/// Errors: kUnavailable (connection, shutdown, too many clients), kConflict (serialisation,
/// deadlock, unique violation), kInvalid (bad data: encoding, range, check constraint), kInternal
/// (everything else: a bug in the SQL).
class Connection {
 public:
  /// `conninfo`: libpq keywords or URI. Bounds connect_timeout to 5 s unless given.
  static Result<Connection> open(const std::string& conninfo, Plans plans = Plans::kFresh);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  Result<Rows> exec(const char* sql, std::initializer_list<Param> params = {});
  /// Several statements separated by semicolons, no parameters. For migrations.
  Result<> script(const std::string& sql);
  /// Grows with every reconnect.
  std::uint64_t generation() const;

 private:
  friend class Transaction;
  Connection();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// BEGIN ... COMMIT. Rolls back unless commit() returned ok. The Connection must outlive it; one at
/// a time.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<Rows> exec(const char* sql, std::initializer_list<Param> params = {});
  /// For what answers no rows.
  Result<> run(const char* sql, std::initializer_list<Param> params = {});
  Result<> commit();

 private:
  explicit Transaction(Connection& connection);
  Connection* connection_;
  bool open_ = true;
};

}  // namespace worldshare::pg
