#pragma once

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/names.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// What agents can do and what jobs need, each kept once: agents that can do the same share a
/// class, jobs that ask for the same share a need. Which classes serve a need is known at all
/// times. Memory is compared in steps of a sixteenth, so that the classes stay few.
class CapabilityBook {
 public:
  /// More classes than this are not kept apart: further agents get none.
  static constexpr std::size_t kMaxClasses = 4096;

  /// The class of these capabilities; must be given back with leave(). Nothing when there are too
  /// many classes.
  std::optional<ClassId> enter(const wire::CapabilitiesT& can);
  void leave(ClassId capability);
  /// The same for what a job requires.
  NeedId add(const wire::RequirementsT& needs);
  void drop(NeedId need);

  std::span<const ClassId> able(NeedId need) const { return needs_.at(need).able; }
  /// Which needs a class serves.
  std::span<const NeedId> served(ClassId capability) const {
    return classes_.at(capability).serves;
  }
  /// Why the class cannot serve the need, for people; empty when it can.
  std::string why_not(NeedId need, ClassId capability) const;
  /// "cycles, Blender 3.4, 2 GiB": for people.
  std::string describe_need(NeedId need) const;
  std::string describe_class(ClassId capability) const;
  std::vector<ClassId> classes() const;
  std::vector<NeedId> needs() const;

 private:
  struct Class {
    wire::CapabilitiesT can;
    std::string signature;
    std::size_t users = 0;
    std::vector<NeedId> serves;
  };
  struct Need {
    wire::RequirementsT asks;
    std::string signature;
    std::size_t users = 0;
    std::vector<ClassId> able;
  };
  std::map<ClassId, Class> classes_;
  std::map<NeedId, Need> needs_;
  std::unordered_map<std::string, ClassId> class_of_;
  std::unordered_map<std::string, NeedId> need_of_;
  ClassId next_class_ = 0;
  NeedId next_need_ = 0;
};

}  // namespace worldshare::dispatcher
