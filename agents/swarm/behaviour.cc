#include "agents/swarm/behaviour.h"

namespace worldshare::swarm {
namespace {

class Honest : public Behaviour {
 public:
  Honest(const Latency& latency, Content content) : latency_(latency), content_(content) {}

  Plan plan(const wire::AssignmentT& assignment, Random& random) override {
    Plan out;
    out.render_time = latency_.draw(random);
    // Below 2^32, which leaves the rest of the seeds to those who cheat.
    if (content_ == Content::kFrame) out.picture = static_cast<std::uint32_t>(assignment.frame);
    return out;
  }

 private:
  const Latency latency_;
  const Content content_;
};

class Troubled : public Behaviour {
 public:
  Troubled(std::unique_ptr<Behaviour> inner, const Troubles& troubles)
      : inner_(std::move(inner)), troubles_(troubles) {}

  Plan plan(const wire::AssignmentT& assignment, Random& random) override {
    Plan out = inner_->plan(assignment, random);
    double left = std::uniform_real_distribution<double>(0, 1)(random);
    const auto falls_on = [&left](double share) {
      left -= share;
      return left < 0;
    };
    if (falls_on(troubles_.fail)) {
      out.deed = Deed::kFail;
    } else if (falls_on(troubles_.hang)) {
      out.deed = Deed::kHang;
    } else if (falls_on(troubles_.vanish)) {
      out.deed = Deed::kVanish;
    } else if (falls_on(troubles_.duplicate)) {
      out.deed = Deed::kDuplicate;
    }
    return out;
  }

 private:
  const std::unique_ptr<Behaviour> inner_;
  const Troubles troubles_;
};

constexpr std::uint64_t kCheats = std::uint64_t{1} << 63U;  ///< seeds that no honest agent has

class Tampering : public Behaviour {
 public:
  Tampering(std::unique_ptr<Behaviour> inner, Cheat cheat, double share)
      : inner_(std::move(inner)), cheat_(cheat), share_(share) {}

  Plan plan(const wire::AssignmentT& assignment, Random& random) override {
    Plan out = inner_->plan(assignment, random);
    if (out.deed != Deed::kRender) return out;
    // Colluders have to choose the same frames.
    const double draw = cheat_ == Cheat::kCollude
                            ? chosen(assignment.frame)
                            : std::uniform_real_distribution<double>(0, 1)(random);
    if (draw < share_) out.picture = picture(assignment.frame, random);
    return out;
  }

 private:
  /// 0 to 1, of a frame.
  static double chosen(std::int32_t frame) {
    const std::uint32_t mixed = static_cast<std::uint32_t>(frame) * 2'654'435'761U;
    return static_cast<double>(mixed) / 0x1p32;
  }
  std::uint64_t picture(std::int32_t frame, Random& random) const {
    const auto number = static_cast<std::uint32_t>(frame);
    switch (cheat_) {
      case Cheat::kOwn: return random() | kCheats;
      case Cheat::kCollude: return number | kCheats;
      case Cheat::kReplay: return number - 1;
      case Cheat::kStale: return kCheats;
    }
    return kCheats;
  }

  const std::unique_ptr<Behaviour> inner_;
  const Cheat cheat_;
  const double share_;
};

}  // namespace

std::unique_ptr<Behaviour> make_honest(const Latency& latency, Content content) {
  return std::make_unique<Honest>(latency, content);
}

std::unique_ptr<Behaviour> make_troubled(std::unique_ptr<Behaviour> inner,
                                         const Troubles& troubles) {
  return std::make_unique<Troubled>(std::move(inner), troubles);
}

std::unique_ptr<Behaviour> make_tampering(std::unique_ptr<Behaviour> inner,
                                          Cheat cheat,
                                          double share) {
  return std::make_unique<Tampering>(std::move(inner), cheat, share);
}

}  // namespace worldshare::swarm
