#pragma once

#include <deque>

#include "tests/bench/trust/world.h"

namespace trust_bench {

/// Carries out what the rule decides on units. Audits take no time.
class Trial {
 public:
  /// `world` must outlive this object.
  explicit Trial(World& world) : world_(world) {}

  /// Does what is to do about a unit until it waits for replicas or is accepted.
  void advance(std::uint32_t unit);
  void exclude(const Identities& identities);
  /// Looks again at accepted units of owners who were excluded since the last time.
  void retry_units_of_excluded();

 private:
  /// False when nothing more is to do about the unit now.
  bool carry_out(std::uint32_t number, const Step& step);
  void request(std::uint32_t unit, std::uint32_t count);
  void audit(Unit& unit, std::uint32_t target);
  void trusted_audit(Unit& unit, std::uint32_t target);
  void trusted_render(Unit& unit);
  void accept(std::uint32_t number, const Step& step);

  World& world_;
  std::deque<std::uint32_t> excluded_;  ///< whose units are not looked at again yet
};

}  // namespace trust_bench
