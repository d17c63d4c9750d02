#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "agents/commands/command.h"
#include "agents/control_socket.h"
#include "agents/home.h"
#include "shared/clock.h"

namespace worldshare::agent {
namespace {

namespace json = boost::json;

struct StatusOptions {
  std::string config;
  std::string home;
  std::string line = "status";
  bool json = false;
};

constexpr int kBarWidth = 24;

std::string bar(double progress) {
  const int full = static_cast<int>(progress * kBarWidth);
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(kBarWidth - full), '.') + "]";
}

std::string text_at(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

double number_at(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

std::string slot_line(const json::object& slot) {
  const std::string phase = text_at(slot, "phase");
  const auto number = static_cast<int>(number_at(slot, "slot"));
  const std::string device = text_at(slot, "device");
  if (phase == "free") return fmt::format("  slot {}  {}  free\n", number, device);
  const double progress = number_at(slot, "progress");
  return fmt::format("  slot {}  {}  {} {:3.0f} %  {}, frame {}, for {:.0f} s\n", number, device,
                     bar(progress), 100 * progress, phase,
                     static_cast<int>(number_at(slot, "frame")), number_at(slot, "seconds"));
}

/// A device that works is told of by its slots.
std::string trouble_line(const json::object& device) {
  const std::string trouble = text_at(device, "trouble");
  if (trouble.empty()) return {};
  return fmt::format("  left out: {} ({}): {}\n", text_at(device, "id"), text_at(device, "name"),
                     trouble);
}

std::string history_line(const json::object& entry, double now_ms) {
  const std::string detail = text_at(entry, "detail");
  return fmt::format("  {:>6.0f} s ago  frame {:<6} {}{}, {:.1f} s\n",
                     std::max(0.0, (now_ms - number_at(entry, "ended_ms")) / 1000),
                     static_cast<int>(number_at(entry, "frame")), text_at(entry, "outcome"),
                     detail.empty() ? "" : " (" + detail + ")", number_at(entry, "seconds"));
}

std::string page_text(const json::object& page) {
  const std::string reason = text_at(page, "reason");
  std::string out =
      fmt::format("{}{}\n", text_at(page, "state"), reason.empty() ? "" : ": " + reason);
  out += fmt::format("  agent   {}\n  owner   {}\n  broker  {}\n  class   {}\n",
                     text_at(page, "agent"), text_at(page, "owner"), text_at(page, "broker"),
                     text_at(page, "render_class"));
  if (page.contains("credit"))
    out += fmt::format("  credit  {:.1f} render seconds of its owner\n", number_at(page, "credit"));
  if (const auto caps = text_at(page, "bandwidth"); !caps.empty())
    out += fmt::format("  limits  {}\n", caps);
  out += fmt::format("  so far  {:.0f} rendered, {:.0f} failed, {:.0f} handed back\n",
                     number_at(page, "rendered"), number_at(page, "failed"),
                     number_at(page, "handed_back"));
  for (const auto& slot : page.at("slots").as_array()) out += slot_line(slot.as_object());
  for (const auto& device : page.at("devices").as_array()) out += trouble_line(device.as_object());
  const auto now = static_cast<double>(unix_ms(SystemClock().now()));
  for (const auto& entry : page.at("history").as_array())
    out += history_line(entry.as_object(), now);
  return out;
}

int ask(const StatusOptions& options) {
  Config config;
  const Home home = options.home.empty() ? default_home() : Home{options.home};
  if (auto ok = load_config(config, options.config, home); !ok) return complain(ok.error());
  const auto answer = ask_agent(config.socket_file(), options.line);
  if (!answer) return complain(answer.error());
  if (options.json) {
    fmt::print("{}\n", *answer);
    return kExitDone;
  }
  boost::system::error_code error;
  const auto page = json::parse(*answer, error);
  if (error || !page.is_object())
    return complain(
        {Errc::kCorrupt, "the agent's answer is not understood; is it of this version?"});
  fmt::print("{}", page_text(page.as_object()));
  return kExitDone;
}

Command add(CLI::App& app, const char* name, const char* help) {
  auto options = std::make_shared<StatusOptions>();
  options->line = name;
  auto* command = app.add_subcommand(name, help);
  command->add_option("--config", options->config, "the running agent's YAML file, if it has one");
  command->add_option("--home", options->home, "where `enroll` put this agent's key and state");
  command->add_flag("--json", options->json, "as the agent gives it");
  return {command, [options] { return ask(*options); }};
}

}  // namespace

Command add_status(CLI::App& app) {
  return add(app, "status", "what the agent that runs here is doing");
}

Command add_pause(CLI::App& app) {
  return add(app, "pause", "take no more work; what is in work is finished");
}

Command add_resume(CLI::App& app) { return add(app, "resume", "take work again"); }

}  // namespace worldshare::agent
