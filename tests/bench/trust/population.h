#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/trust/model.h"
#include "tests/bench/trust/random.h"

namespace trust_bench {

struct Identity {
  bool malicious = false;
  bool flaky = false;
  bool gpu = false;
  bool excluded = false;
  float speed = 1;               ///< time of a render, on average
  std::uint32_t tasks_left = 0;  ///< until it leaves by itself
  std::uint32_t tasks_done = 0;
  std::uint32_t bad_results = 0;  ///< returned wrong on purpose

  bool good() const { return !malicious && !flaky; }
};

/// Who there is. An identity's number is its index; identities are never forgotten.
class Population {
 public:
  Population(const Model& model, Random& random) : model_(model), random_(random) {}

  std::uint32_t add(bool malicious);
  Identity& operator[](std::uint64_t identity) { return all_[identity]; }
  const std::vector<Identity>& all() const { return all_; }

 private:
  const Model& model_;
  Random& random_;
  std::vector<Identity> all_;
};

}  // namespace trust_bench
