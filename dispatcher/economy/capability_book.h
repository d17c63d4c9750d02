#pragma once

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dispatcher/economy/names.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// What an agent has to offer.
struct Offer {
  wire::CapabilitiesT can;
  std::vector<std::string> labels;  ///< that operators gave it
  std::uint32_t awake_seconds = 0;  ///< until its owner's schedule stops it; 0: no end is known
};

/// What a job asks of the agents that render its units.
struct Ask {
  wire::RequirementsT needs;
  double unit_seconds = 0;  ///< that one unit takes; 0: not known
};

/// What agents can do and what jobs need, each kept once: agents that can do the same share a
/// class, jobs that ask for the same share a need. Which classes serve a need is known at all
/// times. Memory is compared in steps of a sixteenth and time in powers of two minutes, so that the
/// classes stay few.
class CapabilityBook {
 public:
  /// More classes than this are not kept apart: further agents get none.
  static constexpr std::size_t kMaxClasses = 4096;

  /// The class of what is offered; must be given back with leave(). Nothing when there are too
  /// many classes.
  std::optional<ClassId> enter(const Offer& offer);
  void leave(ClassId capability);
  /// The same for what a job asks.
  NeedId add(const Ask& ask);
  void drop(NeedId need);

  std::span<const ClassId> able(NeedId need) const { return needs_.at(need).able; }
  /// Which needs a class serves.
  std::span<const NeedId> served(ClassId capability) const {
    return classes_.at(capability).serves;
  }
  /// Those that serve the need and render as `render_class` does, so that honest results are all
  /// but equal.
  std::vector<ClassId> alike(NeedId need, const std::string& render_class) const;
  const std::string& render_class(ClassId capability) const {
    return classes_.at(capability).offer.can.render_class;
  }
  /// Why the class cannot serve the need, for people; empty when it can.
  std::string why_not(NeedId need, ClassId capability) const;
  /// "cycles, Blender 3.4, 2 GiB": for people.
  std::string describe_need(NeedId need) const;
  std::string describe_class(ClassId capability) const;
  std::vector<ClassId> classes() const;
  std::vector<NeedId> needs() const;
  /// Needs that are served since the last call and were not before, or the other way round.
  std::vector<NeedId> take_changed() { return std::exchange(changed_, {}); }

 private:
  struct Class {
    Offer offer;
    std::string signature;
    std::size_t users = 0;
    std::vector<NeedId> serves;
  };
  struct Need {
    Ask ask;
    std::string signature;
    std::size_t users = 0;
    std::vector<ClassId> able;
  };
  std::map<ClassId, Class> classes_;
  std::map<NeedId, Need> needs_;
  std::unordered_map<std::string, ClassId> class_of_;
  std::unordered_map<std::string, NeedId> need_of_;
  std::vector<NeedId> changed_;
  ClassId next_class_ = 0;
  NeedId next_need_ = 0;
};

}  // namespace worldshare::dispatcher
