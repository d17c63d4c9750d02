#include "dispatcher/economy/capability_book.h"

#include <algorithm>
#include <bit>

#include "shared/messages/messages.h"
#include "shared/version.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kMaxFeatures = 64;
constexpr std::size_t kMaxText = 100;

/// Rounded down to four significant binary digits after the first.
std::uint64_t coarse(std::uint64_t bytes) {
  const int width = static_cast<int>(std::bit_width(bytes));
  const int drop = std::max(0, width - 5);
  return (bytes >> drop) << drop;
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += std::to_string(item.size()) + ":" + item;
  return out;
}

template <class Engines>
std::string engines_of(const Engines& engines) {
  std::string out;
  for (const auto engine : engines) out += std::to_string(static_cast<int>(engine)) + ",";
  return out;
}

void normalise(std::vector<std::string>& texts) {
  for (auto& text : texts) text = messages::clean_text(text, kMaxText);
  std::ranges::sort(texts);
  texts.erase(std::ranges::unique(texts).begin(), texts.end());
  if (texts.size() > kMaxFeatures) texts.resize(kMaxFeatures);
}

/// What an agent claims, bounded, in one form for equal claims.
wire::CapabilitiesT normalised(const wire::CapabilitiesT& claimed) {
  wire::CapabilitiesT can;
  can.render_class = messages::clean_text(claimed.render_class, kMaxText);
  can.blender = messages::clean_text(claimed.blender, kMaxText);
  for (const auto engine : claimed.engines) {
    if (engine <= wire::Engine::MAX && can.engines.size() < kMaxFeatures)
      can.engines.push_back(engine);
  }
  std::ranges::sort(can.engines);
  can.engines.erase(std::ranges::unique(can.engines).begin(), can.engines.end());
  can.features = claimed.features;
  normalise(can.features);
  can.memory_bytes = coarse(claimed.memory_bytes);
  return can;
}

std::string obstacle(const wire::RequirementsT& needs, const wire::CapabilitiesT& can) {
  if (!needs.blender.empty() && !version_at_least(can.blender, needs.blender)) {
    return "the scene needs Blender " + needs.blender + ", the agent has " + can.blender;
  }
  if (std::ranges::find(can.engines, needs.engine) == can.engines.end()) {
    return std::string("the agent cannot render with ") + wire::EnumNameEngine(needs.engine);
  }
  for (const auto& feature : needs.features) {
    if (!std::ranges::binary_search(can.features, feature))
      return "the agent's Blender lacks " + feature;
  }
  if (coarse(needs.memory_bytes) > can.memory_bytes) return "the agent has too little memory";
  return {};
}

}  // namespace

std::optional<ClassId> CapabilityBook::enter(const wire::CapabilitiesT& claimed) {
  wire::CapabilitiesT can = normalised(claimed);
  std::string signature = join({can.render_class, can.blender, engines_of(can.engines),
                                std::to_string(can.memory_bytes), join(can.features)});
  if (const auto known = class_of_.find(signature); known != class_of_.end()) {
    ++classes_.at(known->second).users;
    return known->second;
  }
  if (classes_.size() >= kMaxClasses) return std::nullopt;
  const ClassId id = next_class_++;
  class_of_[signature] = id;
  Class& fresh = classes_[id];
  fresh.can = std::move(can);
  fresh.signature = std::move(signature);
  fresh.users = 1;
  for (auto& [need_id, need] : needs_) {
    if (!obstacle(need.asks, fresh.can).empty()) continue;
    need.able.push_back(id);
    fresh.serves.push_back(need_id);
  }
  return id;
}

void CapabilityBook::leave(ClassId capability) {
  const auto found = classes_.find(capability);
  if (found == classes_.end() || --found->second.users > 0) return;
  for (const NeedId need : found->second.serves) std::erase(needs_.at(need).able, capability);
  class_of_.erase(found->second.signature);
  classes_.erase(found);
}

NeedId CapabilityBook::add(const wire::RequirementsT& asked) {
  wire::RequirementsT asks = asked;
  normalise(asks.features);
  std::string signature = join({asks.blender, std::to_string(static_cast<int>(asks.engine)),
                                std::to_string(coarse(asks.memory_bytes)), join(asks.features)});
  if (const auto known = need_of_.find(signature); known != need_of_.end()) {
    ++needs_.at(known->second).users;
    return known->second;
  }
  const NeedId id = next_need_++;
  need_of_[signature] = id;
  Need& fresh = needs_[id];
  fresh.asks = std::move(asks);
  fresh.signature = std::move(signature);
  fresh.users = 1;
  for (auto& [class_id, capability] : classes_) {
    if (!obstacle(fresh.asks, capability.can).empty()) continue;
    fresh.able.push_back(class_id);
    capability.serves.push_back(id);
  }
  return id;
}

void CapabilityBook::drop(NeedId need) {
  const auto found = needs_.find(need);
  if (found == needs_.end() || --found->second.users > 0) return;
  for (const ClassId capability : found->second.able)
    std::erase(classes_.at(capability).serves, need);
  need_of_.erase(found->second.signature);
  needs_.erase(found);
}

std::string CapabilityBook::why_not(NeedId need, ClassId capability) const {
  return obstacle(needs_.at(need).asks, classes_.at(capability).can);
}

std::string CapabilityBook::describe_need(NeedId need) const {
  const auto& asks = needs_.at(need).asks;
  std::string out = wire::EnumNameEngine(asks.engine);
  if (!asks.blender.empty()) out += ", Blender " + asks.blender;
  if (asks.memory_bytes > 0) out += ", " + std::to_string(asks.memory_bytes >> 20U) + " MiB";
  for (const auto& feature : asks.features) out += ", " + feature;
  return out;
}

std::string CapabilityBook::describe_class(ClassId capability) const {
  const auto& can = classes_.at(capability).can;
  return can.render_class.empty() ? "blender-" + can.blender : can.render_class;
}

std::vector<ClassId> CapabilityBook::classes() const {
  std::vector<ClassId> out;
  for (const auto& [id, capability] : classes_) out.push_back(id);
  return out;
}

std::vector<NeedId> CapabilityBook::needs() const {
  std::vector<NeedId> out;
  for (const auto& [id, need] : needs_) out.push_back(id);
  return out;
}

}  // namespace worldshare::dispatcher
