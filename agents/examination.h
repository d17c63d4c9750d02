#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agents/home.h"

namespace worldshare::agent {

/// One thing that `worldshare-agent doctor` looked at.
struct Finding {
  enum class Grade : std::uint8_t { good, warning, bad };
  std::string what;  ///< "blender", "sandbox", "disk", "server", "broker", "clock", ...
  Grade grade = Grade::good;
  std::string seen;    ///< what is there
  std::string remedy;  ///< what a person does about it; empty when all is well
};

/// Looks at all that an agent needs. What hangs on something that is missing is left out. Takes as
/// long as a Blender's start and a few connections.
std::vector<Finding> examine(const Config& config);

/// Whether nothing is bad.
bool is_healthy(const std::vector<Finding>& findings);
std::string to_json(const std::vector<Finding>& findings);
std::string to_text(const std::vector<Finding>& findings);

}  // namespace worldshare::agent
