#include "agents/lease_book.h"

#include <algorithm>

namespace worldshare::agent {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

}  // namespace

void LeaseBook::begin(std::uint32_t slot, const std::string& lease, std::int32_t frame) {
  const std::lock_guard lock(mutex_);
  Entry& entry = working_[lease];
  entry = {};
  entry.slot = slot;
  entry.frame = frame;
  entry.began = std::chrono::steady_clock::now();
  tell_within_locked(kUnhurried);
}

bool LeaseBook::ends_soon(const Entry& entry) const {
  if (soon_ == soon_.zero() || entry.phase < wire::LeasePhase::rendering) return false;
  if (entry.progress <= 0) return false;
  const std::chrono::duration<double> spent =
      std::chrono::steady_clock::now() - entry.rendering_since;
  return spent * (1 - entry.progress) / entry.progress <= soon_;
}

void LeaseBook::set_phase(const std::string& lease, wire::LeasePhase phase) {
  const std::lock_guard lock(mutex_);
  const auto found = working_.find(lease);
  if (found == working_.end() || found->second.phase >= phase) return;
  found->second.phase = phase;
  if (phase == wire::LeasePhase::rendering)
    found->second.rendering_since = std::chrono::steady_clock::now();
  if (phase >= wire::LeasePhase::uploading) found->second.progress = 1;
  found->second.wants_next = ends_soon(found->second);
  tell_within_locked(found->second.wants_next ? kAtOnce : kUnhurried);
}

void LeaseBook::set_progress(const std::string& lease, double progress) {
  const std::lock_guard lock(mutex_);
  const auto found = working_.find(lease);
  if (found == working_.end()) return;
  const auto value = static_cast<float>(std::clamp(progress, 0.0, 1.0));
  found->second.progress = std::max(found->second.progress, value);
  if (found->second.wants_next || !ends_soon(found->second)) return;
  found->second.wants_next = true;
  tell_within_locked(kAtOnce);
}

void LeaseBook::end(const std::string& lease, bool reported) {
  const std::lock_guard lock(mutex_);
  const auto found = working_.find(lease);
  if (found == working_.end()) return;
  found->second.phase = reported ? wire::LeasePhase::reported : wire::LeasePhase::returned;
  if (reported) found->second.progress = 1;
  found->second.wants_next = false;
  ended_.emplace_back(found->first, found->second);
  if (ended_.size() > kRemembered) ended_.pop_front();
  working_.erase(found);
  tell_within_locked(kAtOnce);
}

bool LeaseBook::knows(const std::string& lease) const {
  const std::lock_guard lock(mutex_);
  return working_.contains(lease) ||
         std::ranges::any_of(ended_, [&](const auto& entry) { return entry.first == lease; });
}

std::vector<std::uint32_t> LeaseBook::free_slots() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> out;
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    const bool taken = std::ranges::any_of(
        working_, [slot](const auto& entry) { return entry.second.slot == slot; });
    if (!taken) out.push_back(slot);
  }
  return out;
}

std::vector<wire::LeaseProgressT> LeaseBook::leases() const {
  const std::lock_guard lock(mutex_);
  std::vector<wire::LeaseProgressT> out;
  const auto add = [&out](const auto& item) {
    wire::LeaseProgressT lease;
    lease.lease = item.first;
    lease.slot = item.second.slot;
    lease.phase = item.second.phase;
    lease.progress = item.second.progress;
    lease.wants_next = item.second.wants_next;
    out.push_back(std::move(lease));
  };
  std::ranges::for_each(working_, add);
  std::ranges::for_each(ended_, add);
  return out;
}

std::vector<LeaseBook::Work> LeaseBook::works() const {
  const std::lock_guard lock(mutex_);
  std::vector<Work> out;
  for (const auto& [lease, work] : working_) out.push_back(work);
  return out;
}

void LeaseBook::nudge() {
  const std::lock_guard lock(mutex_);
  tell_within_locked(kAtOnce);
}

bool LeaseBook::wait_for_change(std::stop_token stop, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    if (due_ <= now) break;
    if (until <= now || stop.stop_requested()) return false;
    const auto known = due_;
    change_.wait_until(lock, stop, std::min(known, until), [&] { return due_ < known; });
  }
  due_ = kNotDue;
  return true;
}

void LeaseBook::tell_within_locked(std::chrono::milliseconds time) {
  due_ = std::min(due_, std::chrono::steady_clock::now() + time);
  change_.notify_all();
}

}  // namespace worldshare::agent
