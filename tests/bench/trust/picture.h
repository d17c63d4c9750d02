#pragma once

#include <cstdint>

#include "tests/bench/trust/model.h"
#include "tests/bench/trust/population.h"

namespace trust_bench {

/// What a result really shows; the rule under test never sees it.
struct Picture {
  std::uint32_t content = 0;  ///< equal pictures have equal contents
  bool wrong = false;
  bool cheat = false;
  bool blind = false;  ///< no audit sees what is wrong

  static constexpr std::uint32_t kRight = 0;
  static constexpr std::uint32_t kRightOnCpu = 1;  ///< of a unit that shows hardware classes
  static constexpr std::uint32_t kColluders = 2;
  static constexpr std::uint32_t kFirstOther = 3;
};

/// Makes pictures and audits them, as the model has it.
class Studio {
 public:
  Studio(const Model& model, Random& random) : model_(model), random_(random) {}

  Picture honest(const Identity& who, bool class_sensitive);
  Picture cheat();
  /// Whether a cheater would cheat on a unit with this hash now, the quorum attack aside.
  bool wants_to_cheat(const Identity& who, std::uint64_t unit_hash) const;

  /// Whether comparing them lets them pass for the same picture.
  bool alike(const Picture& a, const Picture& b, bool halves);
  bool audit_passes(const Picture& picture);
  bool audit_passes(const Picture& picture, const Identity& auditor);

 private:
  const Model& model_;
  Random& random_;
  std::uint32_t next_content_ = Picture::kFirstOther;
};

}  // namespace trust_bench
