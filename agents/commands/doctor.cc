#include <fmt/format.h>

#include <memory>

#include "agents/commands/command.h"
#include "agents/examination.h"
#include "shared/log.h"

namespace worldshare::agent {
namespace {

struct DoctorOptions {
  std::string config;
  std::string home;
  bool json = false;
};

int examine_here(const DoctorOptions& options) {
  // What nats.c complains of on the way is in the findings.
  init_log("agent", "off");
  Config config;
  const Home home = options.home.empty() ? default_home() : Home{options.home};
  if (auto ok = load_config(config, options.config, home); !ok) {
    // Blender and the sandbox can be looked at before the enrolment.
    if (ok.error().code != Errc::kNotFound) return complain(ok.error());
    config.state_folder = home.state();
    config.seed_file = home.seed();
  }
  const auto findings = examine(config);
  fmt::print("{}", options.json ? to_json(findings) + "\n" : to_text(findings));
  return is_healthy(findings) ? kExitDone : kExitFailed;
}

}  // namespace

Command add_doctor(CLI::App& app) {
  auto options = std::make_shared<DoctorOptions>();
  auto* command = app.add_subcommand(
      "doctor", "look at all that an agent needs, and tell what to do; exit 1: something is bad");
  command->add_option("--config", options->config, "the agent's YAML file, if it has one");
  command->add_option("--home", options->home, "where `enroll` put this agent's key and state");
  command->add_flag("--json", options->json, "for programs");
  return {command, [options] { return examine_here(*options); }};
}

}  // namespace worldshare::agent
