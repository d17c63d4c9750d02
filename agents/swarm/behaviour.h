#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "agents/swarm/latency.h"
#include "work_types.h"

namespace worldshare::swarm {

/// What an agent makes of an assignment.
enum class Deed : std::uint8_t {
  kRender,     ///< hands in a picture
  kFail,       ///< reports that the unit cannot be rendered
  kHang,       ///< keeps the lease, shows no progress, never reports
  kVanish,     ///< its machine is switched off: the connection drops, the lease is forgotten
  kDuplicate,  ///< hands in the same result twice, as after a lost acknowledgement
};

struct Plan {
  Deed deed = Deed::kRender;
  std::chrono::microseconds render_time{0};
  std::uint64_t picture = 0;  ///< seed of the picture; honest agents of a frame choose the same
};

/// How an agent acts: the strategy of one synthetic agent, or of many. Cheaters are further
/// implementations. One thread.
class Behaviour {
 public:
  virtual ~Behaviour() = default;
  virtual Plan plan(const wire::AssignmentT& assignment, Random& random) = 0;
};

/// What a frame looks like when it is rendered honestly.
enum class Content : std::uint8_t {
  kConstant,  ///< one picture for everything: a null unit, whose blob travels once
  kFrame,     ///< one picture a frame: its first replica uploads, the others find it present
};

/// Renders what it is asked to.
std::unique_ptr<Behaviour> make_honest(const Latency& latency, Content content);

/// Of a hundred volunteers' machines some always break: shares of all assignments, 0 to 1 in all.
struct Troubles {
  double fail = 0;
  double hang = 0;
  double vanish = 0;
  double duplicate = 0;
  double sum() const { return fail + hang + vanish + duplicate; }
};

/// `inner`, with troubles.
std::unique_ptr<Behaviour> make_troubled(std::unique_ptr<Behaviour> inner,
                                         const Troubles& troubles);

/// Ways to cheat with a picture.
enum class Cheat : std::uint8_t {
  kOwn,      ///< another picture than the frame's, and each cheater's own
  kCollude,  ///< the same other picture from all who collude
  kReplay,   ///< an honest picture, of the frame before
  kStale,    ///< the same picture for every frame, as if it were rendered once
};

/// `inner`, with another picture in a share of its assignments.
std::unique_ptr<Behaviour> make_tampering(std::unique_ptr<Behaviour> inner,
                                          Cheat cheat = Cheat::kOwn,
                                          double share = 1);

}  // namespace worldshare::swarm
