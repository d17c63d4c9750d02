#pragma once

#include <optional>
#include <string>

#include "verifier/assembly/assembler.h"
#include "verifier/due_work.h"

namespace worldshare::verifier {

/// Makes the frames of which every part is accepted and records them as outputs: the table
/// `assemblies`. The assembler must outlive it.
class AssemblyLine final : public DueWork {
 public:
  AssemblyLine(pg::Connection database, Assembler& assembler)
      : DueWork(std::move(database), "assemble"), assembler_(assembler) {}

  Result<bool> do_next(const std::stop_token& stop = {}) override;

 private:
  struct Order {
    std::string job;
    std::int32_t frame = 0;
    std::int64_t unit = 0;  ///< the first of the frame's parts
    FrameParts parts;
  };
  static Result<std::optional<Order>> take(pg::Transaction& transaction);
  static Result<> load_parts(pg::Transaction& transaction, Order& order, std::uint32_t samples);
  Result<> record(pg::Transaction& transaction,
                  const Order& order,
                  const Result<StoredImage>& image);
  Result<> when_idle() override;

  Assembler& assembler_;
};

}  // namespace worldshare::verifier
