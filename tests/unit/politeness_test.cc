#include "agents/politeness/politeness.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <utime.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace worldshare::agent {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

/// A moment of a week that begins on Sunday, as localtime() would say.
std::tm at(int weekday, int hour, int minute = 0) {
  std::tm out{};
  out.tm_wday = weekday;
  out.tm_hour = hour;
  out.tm_min = minute;
  return out;
}

Schedule schedule(const std::vector<std::string>& lines) {
  auto parsed = Schedule::parse(lines);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed.value_or(Schedule());
}

TEST(Schedule, WithoutLinesIsAlways) { EXPECT_TRUE(schedule({}).allows(at(3, 12))); }

TEST(Schedule, ATimeGoesOnIntoTheNextDay) {
  const auto nights = schedule({"mon-fri 18:00-08:00"});
  EXPECT_TRUE(nights.allows(at(1, 18)));
  EXPECT_TRUE(nights.allows(at(1, 23, 59)));
  EXPECT_TRUE(nights.allows(at(2, 7, 59)));
  EXPECT_FALSE(nights.allows(at(2, 8)));
  EXPECT_FALSE(nights.allows(at(1, 7))) << "Sunday evening is not in it";
  EXPECT_TRUE(nights.allows(at(6, 7))) << "it began on Friday";
  EXPECT_FALSE(nights.allows(at(6, 19)));
}

TEST(Schedule, TellsHowLongItGoesOn) {
  const auto nights = schedule({"daily 18:00-08:00", "sat,sun"});
  EXPECT_EQ(nights.minutes_left(at(2, 7, 30)), 30);
  EXPECT_EQ(nights.minutes_left(at(2, 12)), 0);
  EXPECT_EQ(nights.minutes_left(at(5, 18)), 6 * 60 + 2 * 1440 + 8 * 60) << "until Monday morning";
  EXPECT_EQ(schedule({}).minutes_left(at(2, 12)), std::nullopt);
}

TEST(Schedule, DaysMayBeListedAndWrapTheWeek) {
  const auto weekend = schedule({"fri-sun", "wed,thu 01:00-02:00"});
  for (const int day : {5, 6, 0}) EXPECT_TRUE(weekend.allows(at(day, 0))) << day;
  EXPECT_FALSE(weekend.allows(at(1, 12)));
  EXPECT_TRUE(weekend.allows(at(4, 1, 30)));
  EXPECT_TRUE(schedule({"daily 00:00-24:00"}).allows(at(2, 23, 59)));
}

TEST(Schedule, RefusesWhatItDoesNotUnderstand) {
  for (const char* line :
       {"", "monday", "mon-", "mon 18-20", "mon 18:00", "mon 25:00-26:00", "mon 08:60-09:00",
        "mon 08:00-08:00", "mon 08:00-09:00 x", "8:00-9:00"}) {
    const auto parsed = Schedule::parse({line});
    ASSERT_FALSE(parsed) << line;
    EXPECT_TRUE(parsed.error().message.starts_with("work.schedule: '")) << line;
  }
}

/// A machine made of files.
class MachineTest : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    const auto path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  void supply(const std::string& name,
              const std::string& type,
              const std::string& file,
              const std::string& value) {
    write("sys/class/power_supply/" + name + "/type", type);
    write("sys/class/power_supply/" + name + "/" + file, value);
  }
  /// A terminal that was used `ago`.
  void terminal(const std::string& name, std::chrono::seconds ago) {
    write("dev/" + name, "");
    const std::time_t then = std::time(nullptr) - ago.count();
    const utimbuf times{then, then};
    ::utime((folder_.path() / "dev" / name).c_str(), &times);
  }
  Politeness politeness(const PolitenessOptions& options) {
    EXPECT_TRUE(options.check());
    return {options, Machine(folder_.path()), clock_};
  }
  worldshare::testing::TempFolder folder_;
  SystemClock clock_;
};

TEST_F(MachineTest, WorksWhereNothingIsKnown) {
  PolitenessOptions options;
  options.idle_after = 10min;
  options.max_celsius = 80;
  EXPECT_EQ(politeness(options).objection(), "");
}

TEST_F(MachineTest, KnowsABatteryFromAMouse) {
  PolitenessOptions options;
  supply("hidpp_battery_0", "Battery", "status", "Discharging");
  write("sys/class/power_supply/hidpp_battery_0/scope", "Device");
  EXPECT_EQ(politeness(options).objection(), "");
  supply("BAT0", "Battery", "status", "Discharging");
  EXPECT_EQ(politeness(options).objection(), "on battery");
  supply("AC", "Mains", "online", "1");
  EXPECT_EQ(politeness(options).objection(), "");
  supply("AC", "Mains", "online", "0");
  EXPECT_EQ(politeness(options).objection(), "on battery");
  options.on_mains_only = false;
  EXPECT_EQ(politeness(options).objection(), "");
}

TEST_F(MachineTest, CoolsDownBeforeItGoesOn) {
  PolitenessOptions options;
  options.max_celsius = 80;
  auto polite = politeness(options);
  write("sys/class/thermal/thermal_zone0/temp", "40000");
  write("sys/class/thermal/thermal_zone1/temp", "81000");
  EXPECT_EQ(polite.objection(), "hotter than 80 degrees");
  write("sys/class/thermal/thermal_zone1/temp", "78000");
  EXPECT_EQ(polite.objection(), "hotter than 80 degrees");
  write("sys/class/thermal/thermal_zone1/temp", "74000");
  EXPECT_EQ(polite.objection(), "");
  write("sys/class/thermal/thermal_zone1/temp", "78000");
  EXPECT_EQ(polite.objection(), "");
}

TEST_F(MachineTest, WaitsForItsUsersToLeave) {
  PolitenessOptions options;
  options.idle_after = 10min;
  terminal("pts/0", 1h);
  EXPECT_EQ(politeness(options).objection(), "");
  terminal("tty1", 9min);
  EXPECT_EQ(politeness(options).objection(), "somebody uses the machine");
  options.idle_after = 5min;
  EXPECT_EQ(politeness(options).objection(), "");
}

TEST_F(MachineTest, WaitsForOtherProgramsButNotForBlender) {
  PolitenessOptions options;
  options.idle_after = 10min;
  auto polite = politeness(options);
  write("proc/stat", "cpu 1000 0 100 5000 0 0 0 0");
  EXPECT_EQ(polite.objection(), "");
  write("proc/stat", "cpu 1500 0 200 5400 0 0 0 0");
  EXPECT_EQ(polite.objection(), "other programs need the processors");
  write("proc/stat", "cpu 1501 900 201 5500 0 0 0 0");
  EXPECT_EQ(polite.objection(), "") << "what is nice is ours";
}

}  // namespace
}  // namespace worldshare::agent
