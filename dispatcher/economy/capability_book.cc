#include "dispatcher/economy/capability_book.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "shared/messages/messages.h"
#include "shared/version.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kMaxFeatures = 64;
constexpr std::size_t kMaxText = 100;
constexpr std::uint32_t kNoEnd = UINT32_MAX;

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

/// Down to a power of two minutes: nobody is taken for awake longer than it is.
std::uint32_t coarse_awake(std::uint32_t seconds) { return std::bit_floor(seconds / 60) * 60; }

/// Up to a power of two minutes.
std::uint32_t coarse_length(double seconds) {
  const double minutes = std::ceil(std::clamp(seconds, 0.0, 1e7) / 60);
  return std::bit_ceil(static_cast<std::uint32_t>(minutes)) * 60;
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

std::string obstacle(const Ask& ask, const Offer& offer) {
  const wire::RequirementsT& needs = ask.needs;
  const wire::CapabilitiesT& can = offer.can;
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
  for (const auto& label : needs.labels) {
    if (!std::ranges::binary_search(offer.labels, label))
      return "the agent does not have the label " + label;
  }
  const bool has_end = offer.awake_seconds != kNoEnd;
  if (has_end && ask.unit_seconds > 0 && coarse_length(ask.unit_seconds) > offer.awake_seconds)
    return "the agent's schedule stops it before a unit would be done";
  return {};
}

}  // namespace

std::optional<ClassId> CapabilityBook::enter(const Offer& made) {
  Offer offer{normalised(made.can), made.labels,
              made.awake_seconds == 0 ? kNoEnd : coarse_awake(made.awake_seconds)};
  normalise(offer.labels);
  const wire::CapabilitiesT& can = offer.can;
  std::string signature = join({can.render_class, can.blender, engines_of(can.engines),
                                std::to_string(can.memory_bytes), join(can.features),
                                join(offer.labels), std::to_string(offer.awake_seconds)});
  if (const auto known = class_of_.find(signature); known != class_of_.end()) {
    ++classes_.at(known->second).users;
    return known->second;
  }
  if (classes_.size() >= kMaxClasses) return std::nullopt;
  const ClassId id = next_class_++;
  class_of_[signature] = id;
  Class& fresh = classes_[id];
  fresh.offer = std::move(offer);
  fresh.signature = std::move(signature);
  fresh.users = 1;
  for (auto& [need_id, need] : needs_) {
    if (!obstacle(need.ask, fresh.offer).empty()) continue;
    if (need.able.empty()) changed_.push_back(need_id);
    need.able.push_back(id);
    fresh.serves.push_back(need_id);
  }
  return id;
}

void CapabilityBook::leave(ClassId capability) {
  const auto found = classes_.find(capability);
  if (found == classes_.end() || --found->second.users > 0) return;
  for (const NeedId need : found->second.serves) {
    auto& able = needs_.at(need).able;
    std::erase(able, capability);
    if (able.empty()) changed_.push_back(need);
  }
  class_of_.erase(found->second.signature);
  classes_.erase(found);
}

NeedId CapabilityBook::add(const Ask& asked) {
  Ask ask = asked;
  wire::RequirementsT& needs = ask.needs;
  normalise(needs.features);
  normalise(needs.labels);
  std::string signature =
      join({needs.blender, std::to_string(static_cast<int>(needs.engine)),
            std::to_string(coarse(needs.memory_bytes)), join(needs.features), join(needs.labels),
            std::to_string(coarse_length(ask.unit_seconds))});
  if (const auto known = need_of_.find(signature); known != need_of_.end()) {
    ++needs_.at(known->second).users;
    return known->second;
  }
  const NeedId id = next_need_++;
  need_of_[signature] = id;
  Need& fresh = needs_[id];
  fresh.ask = std::move(ask);
  fresh.signature = std::move(signature);
  fresh.users = 1;
  for (auto& [class_id, capability] : classes_) {
    if (!obstacle(fresh.ask, capability.offer).empty()) continue;
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

std::vector<ClassId> CapabilityBook::alike(NeedId need, const std::string& render_class) const {
  std::vector<ClassId> out;
  for (const ClassId capability : able(need)) {
    if (this->render_class(capability) == render_class) out.push_back(capability);
  }
  return out;
}

std::string CapabilityBook::why_not(NeedId need, ClassId capability) const {
  return obstacle(needs_.at(need).ask, classes_.at(capability).offer);
}

std::string CapabilityBook::describe_need(NeedId need) const {
  const auto& asks = needs_.at(need).ask.needs;
  std::string out = wire::EnumNameEngine(asks.engine);
  if (!asks.blender.empty()) out += ", Blender " + asks.blender;
  if (asks.memory_bytes > 0) out += ", " + std::to_string(asks.memory_bytes >> 20U) + " MiB";
  for (const auto& feature : asks.features) out += ", " + feature;
  for (const auto& label : asks.labels) out += ", labelled " + label;
  return out;
}

std::string CapabilityBook::describe_class(ClassId capability) const {
  const auto& can = classes_.at(capability).offer.can;
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
