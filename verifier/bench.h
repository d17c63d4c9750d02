#pragma once

#include <cstddef>

#include "shared/result.h"
#include "verifier/backends.h"

namespace worldshare::verifier {

struct BenchOptions {
  std::size_t threads = 0;  ///< 0: one for each processor
  double seconds = 10;      ///< for each of the two runs
};

/// From blob to verdict without broker and database: pairs of 1080p 8-bit RGB PNG files in a
/// temporary store are examined, compared and decided on as the trust engine does it, as fast as it
/// goes, once with pictures that differ and once with identical blobs. Prints one JSON
/// object with the rates and the time that each stage took.
Result<> run_bench(const BenchOptions& options, const BackendOptions& backends);

}  // namespace worldshare::verifier
