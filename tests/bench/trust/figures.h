#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trust_bench {

/// What a simulation counted.
struct Figures {
  std::uint64_t units = 0;  ///< accepted
  std::uint64_t wrong_at_acceptance = 0;
  std::uint64_t wrong_at_end = 0;  ///< after retroactive re-verification
  double renders = 0;              ///< all work, in renders of one unit
  double trusted = 0;              ///< what of it trusted hardware did
  std::uint64_t decisions = 0;
  std::uint64_t good_identities = 0;  ///< honest and not flaky
  std::uint64_t good_excluded = 0;
  std::uint64_t good_tasks = 0;
  std::uint64_t cheaters = 0;     ///< who returned a wrong picture on purpose
  std::uint64_t bad_results = 0;  ///< of all of them
  std::vector<std::uint32_t> bad_results_to_exclusion;
  std::vector<float> latencies;  ///< from the first lease to acceptance, in renders

  /// A JSON object on one line.
  std::string json() const;
};

}  // namespace trust_bench
