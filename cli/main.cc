#include <CLI/CLI.hpp>
#include <vector>

#include "cli/command.h"
#include "shared/log.h"
#include "shared/signals.h"

int main(int argc, char** argv) {
  namespace cli = worldshare::cli;
  worldshare::StopOnSignal stop;
  CLI::App app("WorldShare: render Blender scenes on volunteers' machines, every frame verified");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.require_subcommand(1);
  std::string level = "warn";
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  std::vector<std::pair<std::string, cli::Run>> commands = {
      {"render", cli::add_render(app)},
      {"submit", cli::add_submit(app)},
      {"watch", cli::add_watch(app)},
      {"status", cli::add_status(app)},
      {"fetch", cli::add_fetch(app)},
      {"up", cli::add_up(app)},
      {"down", cli::add_down(app)},
      {"compare", cli::add_compare(app)},
      {"jobs", cli::add_jobs(app)},
      {"units", cli::add_units(app)},
      {"nodes", cli::add_nodes(app)},
      {"node", cli::add_node(app)},
      {"owners", cli::add_owners(app)},
      {"leaderboard", cli::add_leaderboard(app)},
      {"queue", cli::add_queue(app)},
      {"trust", cli::add_trust(app)},
      {"verdict", cli::add_verdict(app)},
      {"verify", cli::add_verify(app)},
      {"tenant", cli::add_tenant(app)},
      {"token", cli::add_token(app)},
      {"audit", cli::add_audit(app)},
      {"login", cli::add_login(app)},
      {"top", cli::add_top(app)},
      {"completion", cli::add_completion(app)},
      {"man", cli::add_man(app)}};
  for (auto& command : cli::add_control(app)) commands.push_back(std::move(command));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kDone : cli::kBadInput;
  }
  worldshare::init_log("worldshare", level);
  for (const auto& [name, run] : commands) {
    if (app.got_subcommand(name)) return run(stop.token());
  }
  return cli::kBadInput;
}
