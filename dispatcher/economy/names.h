#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace worldshare::dispatcher {

using OwnerId = std::uint32_t;
using TenantId = std::uint32_t;
using SceneId = std::uint32_t;
using ClassId = std::uint32_t;
using NeedId = std::uint32_t;
using NodeId = std::uint32_t;
using JobId = std::uint64_t;

/// Small numbers for names that are compared often. A name keeps its number for ever.
class Names {
 public:
  std::uint32_t number(const std::string& name) {
    const auto [entry, is_new] =
        numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(&entry->first);
    return entry->second;
  }
  std::optional<std::uint32_t> find(const std::string& name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }
  const std::string& name(std::uint32_t number) const { return *names_[number]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<const std::string*> names_;  // keys of a node-based map stay where they are
};

}  // namespace worldshare::dispatcher
