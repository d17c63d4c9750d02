#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// PostgreSQL connections for the gateway's threads: as many as are in use at once. Thread-safe.
class ConnectionPool {
 public:
  explicit ConnectionPool(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  /// A connection for one request; it goes back when the loan ends.
  class Loan {
   public:
    Loan(ConnectionPool& pool, pg::Connection connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Loan(Loan&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (pool_ != nullptr) pool_->give_back(std::move(connection_));
    }
    pg::Connection& operator*() { return connection_; }

   private:
    ConnectionPool* pool_;
    pg::Connection connection_;
  };

  Result<Loan> borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Loan loan(*this, std::move(idle_.back()));
        idle_.pop_back();
        return loan;
      }
    }
    auto opened = pg::Connection::open(conninfo_, pg::Plans::kKept);
    if (!opened) return std::unexpected(opened.error());
    return Loan(*this, std::move(*opened));
  }

 private:
  void give_back(pg::Connection connection) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  const std::string conninfo_;
  std::mutex mutex_;
  std::vector<pg::Connection> idle_;  // guarded by mutex_
};

}  // namespace worldshare::dispatcher
