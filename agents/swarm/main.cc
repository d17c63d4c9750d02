#include <CLI/CLI.hpp>
#include <cstdio>

#include "agents/swarm/roster.h"
#include "agents/swarm/swarm.h"
#include "shared/exit_code.h"
#include "shared/log.h"
#include "shared/signals.h"

int main(int argc, char** argv) {
  namespace swarm = worldshare::swarm;
  worldshare::StopOnSignal stop;
  swarm::SwarmOptions options;
  std::filesystem::path make;
  std::uint32_t owners = 0;
  double seconds = 0;
  double away = 30;
  double settle = 0;
  std::string level = "info";
  const CLI::Range share(0.0, 1.0);
  CLI::App app("WorldShare's swarm: thousands of synthetic agents, for measuring a farm");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.add_option("--make", make, "make identities in this folder, and end");
  app.add_option("--owners", owners, "with --make: how many share them; 0: one each");
  app.add_option("--nats", options.nats_url, "nats://address:port");
  app.add_option("--roster", options.roster, "roster.txt of --make")->check(CLI::ExistingFile);
  app.add_option("--agents", options.agents, "how many")->check(CLI::Range(1, 100000));
  app.add_option("--slots", options.slots, "of each")->check(CLI::Range(1, 64));
  app.add_option("--latency", options.latency,
                 "fixed:SECONDS, exponential:MEAN or pareto:LEAST:SHAPE");
  app.add_flag("--same-picture", options.same_picture, "one picture for all frames: null units");
  app.add_option("--fail", options.troubles.fail, "share of units that fail")->check(share);
  app.add_option("--hang", options.troubles.hang, "that hang")->check(share);
  app.add_option("--vanish", options.troubles.vanish, "whose agent vanishes")->check(share);
  app.add_option("--duplicate", options.troubles.duplicate, "reported twice")->check(share);
  app.add_option("--tamper", options.tampering, "share of agents that cheat")->check(share);
  app.add_option("--tamper-share", options.tampering_share, "of the units of those who cheat")
      ->check(share);
  app.add_flag("--four-ways", options.four_ways,
               "with --tamper: own pictures, collusion, the frame before, one for all, in turn");
  app.add_option("--churn", options.churn_per_s, "agents that vanish a second");
  app.add_option("--churn-away", away, "seconds until they come back");
  app.add_option("--connects", options.connects_per_s, "agents that come up a second");
  app.add_option("--seconds", seconds, "how long; 0: until stopped");
  app.add_option("--settle", settle, "seconds at the beginning whose times are not counted");
  app.add_option("--assignments", options.assignments_file, "write each assignment's time here");
  app.add_option("--seed", options.seed, "of everything that is drawn");
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  CLI11_PARSE(app, argc, argv);

  worldshare::init_log("swarm", level);
  if (!make.empty()) {
    return worldshare::exit_code(
        swarm::make_roster(make, options.agents, owners == 0 ? options.agents : owners));
  }
  using Seconds = std::chrono::duration<double>;
  options.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(seconds));
  options.settle = std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(settle));
  options.churn_away = std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(away));
  const auto tally = swarm::run_swarm(options, stop.token());
  if (!tally) return worldshare::exit_code(std::unexpected(tally.error()));
  std::printf("%s\n", swarm::to_json(*tally).c_str());
  return 0;
}
