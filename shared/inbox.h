#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace worldshare {

/// A queue from many threads to one. `limit` bounds it: push() waits while it is full.
template <class T>
class Inbox {
 public:
  explicit Inbox(std::size_t limit) : limit_(limit) {}

  /// False when `stop` was requested before there was room.
  bool push(T item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return items_.size() < limit_; })) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  /// The oldest item, or nothing after `timeout` or a stop request.
  std::optional<T> pop(std::stop_token stop, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, stop, timeout, [&] { return !items_.empty(); }))
      return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  /// All items, oldest first; none after `timeout`, wake() or a stop request.
  std::deque<T> drain(std::stop_token stop, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, timeout, [&] { return !items_.empty() || woken_; });
    woken_ = false;
    std::deque<T> items = std::exchange(items_, {});
    if (!items.empty()) changed_.notify_all();
    return items;
  }

  /// Ends the wait of drain(), or else its next one.
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> items_;  // guarded by mutex_
  bool woken_ = false;   // guarded by mutex_
};

}  // namespace worldshare
