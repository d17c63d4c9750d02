#include <CLI/CLI.hpp>
#include <cstdio>

#include "shared/exit_code.h"
#include "shared/log.h"
#include "shared/signals.h"
#include "verifier/service.h"

int main(int argc, char** argv) {
  namespace verifier = worldshare::verifier;
  worldshare::StopOnSignal stop;
  verifier::Config config;
  std::filesystem::path config_file;
  std::string level;
  CLI::App app("WorldShare verifier: compares the replicas of a frame and decides which is true");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.add_option("--config", config_file, "YAML file; docs/operations.md lists the keys");
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  CLI11_PARSE(app, argc, argv);

  const auto fields = config.fields();
  worldshare::Result<> loaded;
  if (!config_file.empty()) loaded = fields.load(config_file);
  if (!level.empty()) config.log_level = level;
  worldshare::init_log("verifier", config.log_level);
  if (loaded) loaded = config.check();
  if (!loaded) return worldshare::exit_code(loaded);
  std::fprintf(stderr, "%s", fields.describe().c_str());
  const auto outcome = verifier::serve(config, stop.token());
  if (!outcome && stop.token().stop_requested()) return 0;
  return worldshare::exit_code(outcome);
}
