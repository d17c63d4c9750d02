#pragma once

#include <cstdint>

namespace trust_bench {

/// When a colluder returns a wrong picture. All colluders are one group that knows everything of
/// itself and returns the same wrong picture for a unit.
enum class Attack : std::uint8_t {
  kNone,
  kAlways,      ///< A1
  kHalf,        ///< A2: for half of the units
  kTenth,       ///< A3: for a tenth of the units
  kSleeper,     ///< A4: after 60 honest results, always
  kOnOff,       ///< A5: 60 honest, 5 bad, and again
  kQuorumOnly,  ///< A6: when another colluder holds the unit and nobody honest answered
};

/// Everything that is assumed of the world. Times and costs in renders of one unit.
struct Model {
  std::uint32_t slots = 20'000;  ///< machines that are always busy
  std::uint32_t units = 1'000'000;
  std::uint64_t seed = 1;

  Attack attack = Attack::kNone;
  double malicious = 0.1;   ///< share of the slots
  double cheat_share = -1;  ///< of the units, instead of the attack's own; under 0: the attack's
  bool whitewash = false;   ///< an excluded colluder is back under a new name after 5 renders
  bool self_selection = false;  ///< colluders choose a unit that another colluder holds
  bool effort = false;          ///< cheats skip samples: comparing halves does not show them
  bool slander = false;         ///< colluding auditors fail what is honest

  double fault = 0.005;  ///< of honest results, each wrong in its own way
  double flaky = 0.02;   ///< share of the honest identities
  double flaky_fault = 0.05;
  double gpu = 0.7;               ///< share of the identities
  double class_sensitive = 0.01;  ///< of the units: CPU and GPU show two right pictures
  double outlier = 0.001;         ///< of right results: they match nothing
  double no_show = 0.01;
  double deadline = 10;
  double sanity = 0;  ///< of honest faults, what a free look at the file finds

  double audit_cost = 0.025;
  double audit_power = 0.95;
  double audit_blind = 0.01;  ///< of wrong pictures, what no audit sees
  double false_alarm = 0.002;
  double half_cost = 0.52;  ///< of half of the samples, with its fixed cost
  double half_miss = 0.01;  ///< of wrong halves, what comparing does not show
};

}  // namespace trust_bench
