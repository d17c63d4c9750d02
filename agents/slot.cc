#include "agents/slot.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "shared/clock.h"

namespace worldshare::agent {

Slot::Slot(std::uint32_t index, const SlotPlan& plan, SlotServices& services)
    : index_(index), plan_(plan), services_(services), thread_([this] { loop(); }) {}

Slot::~Slot() {
  shut_down();
  thread_.join();
}

void Slot::assign(wire::AssignmentT assignment) {
  const std::lock_guard lock(mutex_);
  const std::string& lease = assignment.lease;
  if (closing_ || lease == current_ || (next_ && next_->lease == lease) ||
      services_.book.knows(lease)) {
    return;
  }
  if (!current_.empty()) {
    spdlog::warn("lease is replaced slot={} lease={} by={}", index_, current_, lease);
    current_stop_.request_stop();
  }
  next_ = std::move(assignment);
  wake_.notify_all();
}

void Slot::stop_lease(const std::string& lease, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (next_ && next_->lease == lease) next_.reset();
  if (current_ != lease) return;
  spdlog::info("lease is over slot={} lease={} reason=\"{}\"", index_, lease, reason);
  current_stop_.request_stop();
}

void Slot::hand_back(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  next_.reset();
  if (current_.empty() || current_stop_.stop_requested()) return;
  spdlog::info("lease is handed back slot={} lease={} reason=\"{}\"", index_, current_, reason);
  current_stop_.request_stop();
}

void Slot::shut_down() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  next_.reset();
  current_stop_.request_stop();
  wake_.notify_all();
}

bool Slot::idle() const {
  const std::lock_guard lock(mutex_);
  return current_.empty() && !next_;
}

void Slot::loop() {
  BlenderOptions options;
  options.blender = services_.config.blender;
  options.scratch = services_.config.state_folder / fmt::format("scratch/slot-{}", index_);
  options.threads = plan_.threads;
  options.scratch_limit_bytes = services_.config.scratch_bytes;
  options.sandbox = services_.sandbox.with_memory(plan_.memory_bytes);
  options.nice = static_cast<int>(services_.config.nice);
  options.device = plan_.on.device;
  options.access = plan_.on.access;
  WarmBlender blender(plan_, std::move(options), services_.config.warm);
  while (true) {
    wire::AssignmentT assignment;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || next_; });
      if (closing_) return;
      assignment = std::move(*std::exchange(next_, std::nullopt));
      current_ = assignment.lease;
      current_stop_ = std::stop_source();
      stop = current_stop_.get_token();
    }
    const auto began = std::chrono::steady_clock::now();
    services_.book.begin(index_, assignment.lease, assignment.frame);
    spdlog::info("lease begins slot={} lease={} frame={}", index_, assignment.lease,
                 assignment.frame);
    const bool reported = UnitRun(services_, blender, assignment, stop).run();
    {
      const std::lock_guard lock(mutex_);
      current_.clear();
    }
    if (!reported) {
      services_.history.add(
          {assignment.frame,
           WorkHistory::Outcome::handed_back,
           {},
           std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(),
           unix_ms(SystemClock().now())});
    }
    services_.book.end(assignment.lease, reported);
  }
}

}  // namespace worldshare::agent
