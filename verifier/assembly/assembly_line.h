#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/assembly/assembler.h"

namespace worldshare::verifier {

/// Makes the frames of which every part is accepted, one after the other, and records them as
/// outputs. Any number of them, in any number of processes, share the table: a frame is in work at
/// one of them, and if that one dies the next takes it from the beginning. One thread; the
/// assembler must outlive it.
class AssemblyLine {
 public:
  AssemblyLine(pg::Connection database, Assembler& assembler)
      : database_(std::move(database)), assembler_(assembler) {}

  /// Makes the frame that is due first; false when there is none. A frame that cannot be made now
  /// is tried again later, after ever longer; one that never can is marked as failed, with the
  /// reason. Where `stop` comes before the end nothing has happened. Errors are the database's.
  Result<bool> make_next(const std::stop_token& stop = {});
  /// Until `stop` is requested.
  void run(std::stop_token stop);
  bool healthy() const { return healthy_; }

 private:
  struct Order {
    std::string job;
    std::int32_t frame = 0;
    std::int64_t unit = 0;  ///< the first of the frame's parts
    FrameParts parts;
  };
  static Result<std::optional<Order>> take(pg::Transaction& transaction);
  static Result<> load_parts(pg::Transaction& transaction, Order& order);
  Result<> record(pg::Transaction& transaction,
                  const Order& order,
                  const Result<StoredImage>& image);

  pg::Connection database_;
  Assembler& assembler_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace worldshare::verifier
