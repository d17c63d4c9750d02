#include "verifier/image/memory_budget.h"

#include <fmt/format.h>

#include <utility>

namespace worldshare::verifier {

MemoryBudget::Loan::Loan(Loan&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}

MemoryBudget::Loan::~Loan() {
  if (budget_ != nullptr) budget_->give_back(bytes_);
}

Result<MemoryBudget::Loan> MemoryBudget::take(std::uint64_t bytes) {
  if (bytes > bytes_) {
    return fail(Errc::kDenied, fmt::format("the image takes {} bytes to decode, {} are configured",
                                           bytes, bytes_));
  }
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  changed_.wait(lock, [&] { return ticket == serving_ticket_ && bytes <= bytes_ - in_use_bytes_; });
  in_use_bytes_ += bytes;
  ++serving_ticket_;
  changed_.notify_all();  // the next in the line may fit as well
  return Loan(*this, bytes);
}

void MemoryBudget::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  in_use_bytes_ -= bytes;
  changed_.notify_all();
}

std::uint64_t MemoryBudget::in_use_bytes() const {
  const std::lock_guard lock(mutex_);
  return in_use_bytes_;
}

}  // namespace worldshare::verifier
