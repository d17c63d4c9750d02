#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "shared/descriptor.h"

namespace worldshare::testing {

/// A line to a port of this machine that is slow and stalls, as TCP over a bad network looks to a
/// program: every piece comes late, and some much later. Thread-safe.
class BadLine {
 public:
  struct Options {
    std::chrono::milliseconds delay{300};  ///< of every piece, each way
    unsigned lost_percent = 30;            ///< pieces that wait for `again` besides
    std::chrono::milliseconds again{600};  ///< what a retransmission takes
  };
  BadLine(std::uint16_t to, Options options);
  ~BadLine();
  BadLine(const BadLine&) = delete;
  BadLine& operator=(const BadLine&) = delete;

  /// Where to connect to.
  std::uint16_t port() const { return port_; }
  /// From now on connections end at that port; those that stand are cut.
  void lead_to(std::uint16_t port);
  /// Pieces that came late so far.
  unsigned stalls() const { return stalls_; }

 private:
  void accept(const std::stop_token& stop);
  void carry(const std::stop_token& stop, int from, int to);

  std::atomic<std::uint16_t> to_;
  const Options options_;
  Descriptor listener_;
  std::uint16_t port_ = 0;
  std::atomic<unsigned> pieces_ = 0;
  std::atomic<unsigned> stalls_ = 0;
  std::mutex mutex_;
  std::vector<Descriptor> sockets_;     // by mutex_
  std::vector<std::jthread> carriers_;  // by mutex_
  std::jthread acceptor_;               // last: ends first
};

}  // namespace worldshare::testing
