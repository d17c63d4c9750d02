#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "agents/unit_run.h"
#include "work_types.h"

namespace worldshare::agent {

/// One place for work: a thread that renders what its mailbox says, one unit after the other, with
/// a warm Blender. assign(), stop_lease() and shut_down() may be called from any thread.
class Slot {
 public:
  /// `services` and `plan` must outlive the slot.
  Slot(std::uint32_t index, const SlotPlan& plan, SlotServices& services);
  /// Kills the Blender and joins.
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// A lease that is in work or reported already is ignored; another one replaces what the slot was
  /// doing, because the dispatcher gives a slot something new only when the old lease is over.
  void assign(wire::AssignmentT assignment);
  /// Leaves `lease` if the slot is on it.
  void stop_lease(const std::string& lease, const std::string& reason);
  /// Leaves whatever the slot is on; the dispatcher gives it to another.
  void hand_back(const std::string& reason);
  /// Leaves everything and takes nothing new.
  void shut_down();
  bool idle() const;

 private:
  void loop();

  const std::uint32_t index_;
  const SlotPlan& plan_;
  SlotServices& services_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<wire::AssignmentT> next_;  // by mutex_
  std::string current_;                    // by mutex_: lease in work
  std::stop_source current_stop_;          // by mutex_
  bool closing_ = false;                   // by mutex_
  std::thread thread_;
};

}  // namespace worldshare::agent
