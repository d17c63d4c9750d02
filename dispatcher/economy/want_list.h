#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "dispatcher/economy/unit.h"

namespace worldshare::dispatcher {

/// A job's units that want a replica now, by who is of no use to them, so that units that the same
/// seats could serve are looked at once.
class WantList {
 public:
  /// Preferred units first (0 before 1), then by age.
  using Want = std::pair<std::int32_t, UnitId>;
  using Owners = std::vector<OwnerId>;  // sorted

  void insert(const Owners& useless, Want want);
  void erase(const Owners& useless, Want want);
  bool empty() const { return groups_.empty(); }
  /// The first unit of a group that is servable, in order.
  std::optional<Want> first(const std::function<bool(const Owners&)>& servable) const;
  /// Who is of no use to any of them.
  Owners useless_to_all() const;
  const std::map<Owners, std::set<Want>>& groups() const { return groups_; }

 private:
  std::map<Owners, std::set<Want>> groups_;
  std::set<std::pair<Want, const Owners*>> heads_;
};

}  // namespace worldshare::dispatcher
