#pragma once

#include <span>
#include <string>
#include <vector>

#include "shared/messages/messages.h"

namespace worldshare::messages {

/// Verdicts on one job that travel together, on `verdicts.<job>`: each an encoded wire::Verdict
/// behind its size in four bytes, the lowest first.
struct VerdictParcel {
  std::string job;
  std::vector<std::size_t> places;  ///< of its verdicts among those that were packed
  Bytes data;
};

/// In their order within each job. A parcel is well below what the broker takes, unless one verdict
/// alone is not.
std::vector<VerdictParcel> pack_verdicts(std::span<const wire::VerdictT> verdicts);

/// Those of a parcel, or of a message that is one verdict without its size, as verifiers of 0.1
/// before parcels wrote it. kCorrupt unless every one of them can be read.
Result<std::vector<wire::VerdictT>> unpack_verdicts(ByteView data);

}  // namespace worldshare::messages
