#include "tests/bench/trust/picture.h"

namespace trust_bench {
namespace {

constexpr std::uint32_t kHonestFirst = 60;  // A4, A5
constexpr std::uint32_t kBadInARow = 5;     // A5

double cheat_share(const Model& model) {
  if (model.cheat_share >= 0) return model.cheat_share;
  switch (model.attack) {
    case Attack::kHalf: return 0.5;
    case Attack::kTenth: return 0.1;
    default: return 1;
  }
}

}  // namespace

Picture Studio::honest(const Identity& who, bool class_sensitive) {
  Picture out;
  out.content = class_sensitive && !who.gpu ? Picture::kRightOnCpu : Picture::kRight;
  if (random_.chance(who.flaky ? model_.flaky_fault : model_.fault)) {
    out.wrong = true;
    out.blind = random_.chance(model_.audit_blind);
    out.content = next_content_++;
  } else if (random_.chance(model_.outlier)) {
    out.content = next_content_++;
  }
  return out;
}

Picture Studio::cheat() {
  return {Picture::kColluders, true, true, random_.chance(model_.audit_blind)};
}

bool Studio::wants_to_cheat(const Identity& who, std::uint64_t unit_hash) const {
  if (!who.malicious || model_.attack == Attack::kNone) return false;
  if (model_.attack == Attack::kSleeper && who.tasks_done < kHonestFirst) return false;
  if (model_.attack == Attack::kOnOff &&
      who.tasks_done % (kHonestFirst + kBadInARow) < kHonestFirst) {
    return false;
  }
  return to_unit(unit_hash) < cheat_share(model_);
}

bool Studio::alike(const Picture& a, const Picture& b, bool halves) {
  if (a.content == b.content) return true;
  if (!halves || a.wrong == b.wrong) return false;
  const Picture& wrong = a.wrong ? a : b;
  return (wrong.cheat && model_.effort) || random_.chance(model_.half_miss);
}

bool Studio::audit_passes(const Picture& picture) {
  if (!picture.wrong) return !random_.chance(model_.false_alarm);
  return picture.blind || !random_.chance(model_.audit_power);
}

bool Studio::audit_passes(const Picture& picture, const Identity& auditor) {
  if (auditor.malicious) {
    if (picture.cheat) return true;
    if (model_.slander) return false;
  } else if (random_.chance(auditor.flaky ? model_.flaky_fault : model_.fault)) {
    return false;
  }
  return audit_passes(picture);
}

}  // namespace trust_bench
