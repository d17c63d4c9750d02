#include "dispatcher/economy/want_list.h"

#include <algorithm>

namespace worldshare::dispatcher {

void WantList::insert(const Owners& useless, Want want) {
  const auto group = groups_.try_emplace(useless).first;
  auto& wants = group->second;
  if (!wants.empty()) heads_.erase({*wants.begin(), &group->first});
  wants.insert(want);
  heads_.insert({*wants.begin(), &group->first});
}

void WantList::erase(const Owners& useless, Want want) {
  const auto group = groups_.find(useless);
  if (group == groups_.end()) return;
  auto& wants = group->second;
  heads_.erase({*wants.begin(), &group->first});
  wants.erase(want);
  if (wants.empty()) {
    groups_.erase(group);
  } else {
    heads_.insert({*wants.begin(), &group->first});
  }
}

std::optional<WantList::Want> WantList::first(
    const std::function<bool(const Owners&)>& servable) const {
  for (const auto& [want, useless] : heads_) {
    if (servable(*useless)) return want;
  }
  return std::nullopt;
}

WantList::Owners WantList::useless_to_all() const {
  if (groups_.empty()) return {};
  Owners common = groups_.begin()->first;
  for (const auto& [owners, wants] : groups_) {
    std::erase_if(common,
                  [&](OwnerId owner) { return !std::ranges::binary_search(owners, owner); });
    if (common.empty()) break;
  }
  return common;
}

}  // namespace worldshare::dispatcher
