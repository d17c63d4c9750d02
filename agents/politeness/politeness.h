#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agents/politeness/machine.h"
#include "agents/politeness/schedule.h"
#include "shared/clock.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"

namespace worldshare::agent {

/// What a machine's owner wishes of when it works.
struct PolitenessOptions {
  std::vector<std::string> schedule;        ///< as Schedule reads it; empty: always
  std::chrono::milliseconds idle_after{0};  ///< only when nobody used it for so long; 0: always
  double others_share = 0.2;                ///< and others use no more of the processors than this
  bool on_mains_only = true;                ///< not from a battery
  double max_celsius = 0;                   ///< not when a sensor says more; 0: whatever it says
  std::chrono::milliseconds grace{60'000};  ///< for units in work when one of these ends
  std::chrono::milliseconds look_every{5'000};

  void add_to(YamlFields& fields);
  /// kInvalid names the key.
  Result<> check() const;
};

/// Decides whether this is a time to work. One thread.
class Politeness {
 public:
  /// `options` must have passed check().
  Politeness(const PolitenessOptions& options, Machine machine, const Clock& clock);
  /// Why not now, for people; empty: it is.
  std::string objection();
  /// Until its schedule ends this time; 0: it never does. Any thread.
  std::chrono::minutes time_left() const;

 private:
  const PolitenessOptions options_;
  const Schedule schedule_;
  Machine machine_;
  const Clock& clock_;
  bool hot_ = false;  ///< until it is some degrees below the limit again
};

}  // namespace worldshare::agent
