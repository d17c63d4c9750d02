#pragma once

#include <span>
#include <string_view>

#include "shared/result.h"
#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// A number of a policy: its key and what is allowed.
struct ParameterKey {
  std::string_view name;
  double low = 0;
  double high = 1;
  bool whole = false;
  double (*get)(const Parameters& parameters) = nullptr;
  void (*set)(Parameters& parameters, double value) = nullptr;

  bool allows(double value) const;
  /// "a number from 0 to 1".
  std::string allowed() const;
};

/// All numbers; `mode` is the one key that is not among them.
std::span<const ParameterKey> parameter_keys();

}  // namespace worldshare::verifier::policy
