#pragma once

#include <atomic>
#include <stop_token>
#include <string>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Work that waits as rows of a table until it is due, one row after the other. Any number of
/// workers, in any number of processes, share the table: a row stays locked while it is in work at
/// one of them, and if that one dies the next takes it from the beginning. One thread.
class DueWork {
 public:
  DueWork(const DueWork&) = delete;
  DueWork& operator=(const DueWork&) = delete;
  virtual ~DueWork() = default;

  /// Does what is due first; false when nothing is. What cannot be done now is tried again later,
  /// after ever longer; what never can be is marked as failed, with the reason. Where `stop` comes
  /// before the end nothing has happened. Errors are those of the database and the blob store; the
  /// row waits then.
  virtual Result<bool> do_next(const std::stop_token& stop = {}) = 0;
  /// Until `stop` is requested.
  void run(std::stop_token stop);
  bool healthy() const { return healthy_; }

 protected:
  /// `work` is a verb, for the log.
  DueWork(pg::Connection database, std::string work)
      : database_(std::move(database)), work_(std::move(work)) {}
  /// Called when nothing is due.
  virtual Result<> when_idle() { return {}; }
  /// What failed like this would fail the same way the next time.
  static bool is_final(Errc code);

  pg::Connection database_;

 private:
  const std::string work_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace worldshare::verifier
