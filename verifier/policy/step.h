#pragma once

#include <cstdint>
#include <string>

namespace worldshare::verifier::policy {

enum class Act : std::uint8_t {
  kWait,           ///< for replicas that were asked for
  kAskReplica,     ///< `count` further ones
  kAudit,          ///< submission `target`, by a volunteer; see choose_auditor()
  kTrustedAudit,   ///< submission `target`, on trusted hardware
  kConvict,        ///< submission `target`: it is proved wrong
  kTrustedRender,  ///< the whole unit, on trusted hardware
  kAccept,         ///< submission `target`, merged with `partner` where that is another
};

/// The one thing to do next about a unit.
struct Step {
  Act act = Act::kWait;
  std::uint32_t count = 0;
  std::uint32_t target = 0;
  std::uint32_t partner = 0;
  double risk = 0;       ///< that the picture which leads is wrong, where that was asked
  bool trusted = false;  ///< kAccept: the picture is the one of trusted hardware, not `target`

  /// For people.
  std::string sentence() const;
};

}  // namespace worldshare::verifier::policy
