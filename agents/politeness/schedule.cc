#include "agents/politeness/schedule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>

namespace worldshare::agent {
namespace {

constexpr int kDay = 24 * 60;
constexpr std::uint8_t kAllDays = 0x7f;
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

std::optional<unsigned> day_of(std::string_view name) {
  const auto found = std::ranges::find(kDays, name);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<unsigned>(found - kDays.begin());
}

std::uint8_t bit(unsigned day) { return static_cast<std::uint8_t>(1U << (day % 7)); }

/// "mon", "mon-fri", "sat,sun", "daily".
std::optional<std::uint8_t> days_of(const std::string& text) {
  if (text == "daily") return kAllDays;
  std::uint8_t out = 0;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    const auto dash = item.find('-');
    const auto first = day_of(item.substr(0, dash));
    const auto last = dash == std::string::npos ? first : day_of(item.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (unsigned day = *first;; ++day) {
      out = static_cast<std::uint8_t>(out | bit(day));
      if (day % 7 == *last) break;
    }
  }
  return out;
}

/// "18:00" as minutes; up to "24:00".
std::optional<int> minutes_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.size() != colon + 3 || colon == 0 || colon > 2)
    return std::nullopt;
  int hours = -1;
  int minutes = -1;
  std::from_chars(text.data(), text.data() + colon, hours);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), minutes);
  const int out = hours * 60 + minutes;
  if (hours < 0 || minutes < 0 || minutes > 59 || out > kDay) return std::nullopt;
  return out;
}

}  // namespace

Result<Schedule::Span> Schedule::parse_line(const std::string& line) {
  const auto wrong = fail(Errc::kInvalid, "work.schedule: '" + line +
                                              "' must be like 'mon-fri 18:00-08:00', 'sat,sun' or "
                                              "'daily 22:00-06:00'");
  std::istringstream words(line);
  std::string days;
  std::string hours;
  std::string more;
  words >> days >> hours >> more;
  const auto which = days_of(days);
  if (!which || *which == 0 || !more.empty()) return wrong;
  Span span{*which, 0, kDay};
  if (hours.empty()) return span;
  const auto dash = hours.find('-');
  if (dash == std::string::npos) return wrong;
  const auto begin = minutes_of(std::string_view(hours).substr(0, dash));
  const auto end = minutes_of(std::string_view(hours).substr(dash + 1));
  if (!begin || !end || *begin == *end) return wrong;
  span.begin = *begin;
  span.end = *end > *begin ? *end : *end + kDay;
  return span;
}

Result<Schedule> Schedule::parse(const std::vector<std::string>& lines) {
  Schedule out;
  for (const auto& line : lines) {
    const auto span = parse_line(line);
    if (!span) return std::unexpected(span.error());
    out.spans_.push_back(*span);
  }
  return out;
}

bool Schedule::allows(const std::tm& local) const {
  return allows(local.tm_wday, local.tm_hour * 60 + local.tm_min);
}

std::optional<int> Schedule::minutes_left(const std::tm& local) const {
  constexpr int kWeek = 7 * kDay;
  const int now = local.tm_wday * kDay + local.tm_hour * 60 + local.tm_min;
  for (int minutes = 0; minutes < kWeek; ++minutes) {
    const int then = (now + minutes) % kWeek;
    if (!allows(then / kDay, then % kDay)) return minutes;
  }
  return std::nullopt;
}

bool Schedule::allows(int day, int now) const {
  if (spans_.empty()) return true;
  const auto today = static_cast<unsigned>(day);
  return std::ranges::any_of(spans_, [&](const Span& span) {
    const bool began_today = (span.days & bit(today)) != 0 && now >= span.begin && now < span.end;
    const bool began_yesterday = (span.days & bit(today + 6)) != 0 && now + kDay < span.end;
    return began_today || began_yesterday;
  });
}

}  // namespace worldshare::agent
