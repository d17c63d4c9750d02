#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "shared/result.h"

namespace worldshare::agent {

/// When a machine may work, in its own local time: "mon-fri 18:00-08:00", "sat,sun", "daily
/// 22:00-06:00". A time that ends before it begins goes on into the next day. Immutable.
class Schedule {
 public:
  /// kInvalid names the line and what is expected. No lines: always.
  static Result<Schedule> parse(const std::vector<std::string>& lines);
  bool allows(const std::tm& local) const;
  /// How many minutes from now it goes on allowing; nothing when it never stops.
  std::optional<int> minutes_left(const std::tm& local) const;

 private:
  bool allows(int day, int minute) const;
  struct Span {
    std::uint8_t days = 0;  ///< bit 0: Sunday, on which it begins
    int begin = 0;          ///< minutes of the day
    int end = 0;            ///< beyond a day's 1440 when it goes on into the next
  };
  static Result<Span> parse_line(const std::string& line);
  std::vector<Span> spans_;
};

}  // namespace worldshare::agent
