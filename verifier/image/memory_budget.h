#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "shared/result.h"

namespace worldshare::verifier {

/// Bytes that may be in use at once, lent in the order in which they were asked for: a large wish
/// is not starved by small ones behind it. Thread-safe; outlives its loans.
class MemoryBudget {
 public:
  /// Bytes in use; given back when it is dropped.
  class Loan {
   public:
    Loan(Loan&& other) noexcept;
    Loan& operator=(Loan&&) = delete;
    ~Loan();

   private:
    friend class MemoryBudget;
    Loan(MemoryBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
    MemoryBudget* budget_;
    std::uint64_t bytes_;
  };

  explicit MemoryBudget(std::uint64_t bytes) : bytes_(bytes) {}

  /// Waits until the bytes are free and nobody waits who asked earlier. A thread that holds a loan
  /// must not take another: two such threads may wait for each other. kDenied: more than there is
  /// at all.
  Result<Loan> take(std::uint64_t bytes);
  std::uint64_t in_use_bytes() const;

 private:
  void give_back(std::uint64_t bytes);

  const std::uint64_t bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t in_use_bytes_ = 0;    ///< guarded by mutex_
  std::uint64_t next_ticket_ = 0;     ///< guarded by mutex_
  std::uint64_t serving_ticket_ = 0;  ///< who may take next; guarded by mutex_
};

}  // namespace worldshare::verifier
