#pragma once

#include <cstdint>

#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// What the network has learned of its newcomers: how many were excluded, how many became vetted.
/// Where cheats come back under new names, the share of malice rises and newcomers are checked
/// harder: they pay the price that cheap pseudonyms have (Friedman and Resnick, 2001).
struct Prior {
  std::uint64_t excluded = 0;
  std::uint64_t vetted = 0;

  bool operator==(const Prior&) const = default;
  /// Mean of a Beta posterior, kept within the population's limits.
  double malicious_share(const Population& population) const;
};

}  // namespace worldshare::verifier::policy
