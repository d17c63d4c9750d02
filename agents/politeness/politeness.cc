#include "agents/politeness/politeness.h"

#include <fmt/format.h>

namespace worldshare::agent {
namespace {

constexpr double kCoolDown = 5;  // degrees, so that it does not begin and end by the minute

std::tm local_time(Clock::TimePoint now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm out{};
  ::localtime_r(&seconds, &out);
  return out;
}

}  // namespace

void PolitenessOptions::add_to(YamlFields& fields) {
  fields.add("work.schedule", schedule)
      .add("work.idle_seconds", idle_after)
      .add("work.others_share", others_share)
      .add("work.on_mains_only", on_mains_only)
      .add("work.max_celsius", max_celsius)
      .add("work.grace_seconds", grace);
}

Result<> PolitenessOptions::check() const {
  if (auto parsed = Schedule::parse(schedule); !parsed) return std::unexpected(parsed.error());
  if (others_share < 0 || others_share > 1)
    return fail(Errc::kInvalid, "work.others_share must be 0 to 1");
  if (max_celsius < 0) return fail(Errc::kInvalid, "work.max_celsius must be 0 or more");
  return {};
}

Politeness::Politeness(const PolitenessOptions& options, Machine machine, const Clock& clock)
    : options_(options),
      schedule_(Schedule::parse(options.schedule).value_or(Schedule())),
      machine_(std::move(machine)),
      clock_(clock) {}

std::chrono::minutes Politeness::time_left() const {
  // What is over is less than what never ends.
  const auto left = schedule_.minutes_left(local_time(clock_.now()));
  return std::chrono::minutes(left ? std::max(1, *left) : 0);
}

std::string Politeness::objection() {
  // Asked every time, because it counts from the last time.
  const double others = machine_.busy_with_others();
  if (!schedule_.allows(local_time(clock_.now()))) return "outside its schedule";
  if (options_.on_mains_only && machine_.on_battery()) return "on battery";
  if (options_.max_celsius > 0) {
    const double now = machine_.hottest().value_or(0);
    hot_ = now > options_.max_celsius - (hot_ ? kCoolDown : 0);
    if (hot_) return fmt::format("hotter than {:g} degrees", options_.max_celsius);
  }
  if (options_.idle_after.count() > 0) {
    if (machine_.terminals_idle() < options_.idle_after) return "somebody uses the machine";
    if (others > options_.others_share) return "other programs need the processors";
  }
  return {};
}

}  // namespace worldshare::agent
