#include <CLI/CLI.hpp>
#include <cstdio>

#include "dispatcher/service.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace {

constexpr int kBadConfig = 2;
constexpr int kUnreachable = 3;
constexpr int kFailed = 1;

int report(const worldshare::Result<>& outcome) {
  if (outcome) return 0;
  spdlog::error("{}", outcome.error().message);
  switch (outcome.error().code) {
    case worldshare::Errc::kInvalid:
    case worldshare::Errc::kDenied:
    case worldshare::Errc::kNotFound: return kBadConfig;
    case worldshare::Errc::kUnavailable:
    case worldshare::Errc::kTimeout: return kUnreachable;
    default: return kFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace dispatcher = worldshare::dispatcher;
  worldshare::StopOnSignal stop;
  dispatcher::Config config;
  std::filesystem::path config_file;
  std::string level;
  std::string agent;
  std::string revoked;
  std::string owner;
  bool provision = false;
  CLI::App app("WorldShare dispatcher: takes jobs, decides who renders what next");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.add_option("--config", config_file, "YAML file; docs/operations.md lists the keys");
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  app.add_flag("--provision", provision,
               "bring the database and the streams up to date, then exit");
  auto* enrol =
      app.add_option("--enrol", agent, "let the agent with this public key in, then exit");
  app.add_option("--owner", owner, "whose agent it is")->needs(enrol);
  app.add_option("--revoke", revoked, "shut this agent out, then exit");
  CLI11_PARSE(app, argc, argv);

  const auto fields = config.fields();
  worldshare::Result<> loaded;
  if (!config_file.empty()) loaded = fields.load(config_file);
  if (!level.empty()) config.log_level = level;
  worldshare::init_log("dispatcher", config.log_level);
  if (!loaded) return report(loaded);
  if (provision) return report(dispatcher::provision(config, stop.token()));
  if (!agent.empty()) return report(dispatcher::enrol_agent(config, agent, owner, stop.token()));
  if (!revoked.empty()) return report(dispatcher::revoke_agent(config, revoked, stop.token()));
  std::fprintf(stderr, "%s", fields.describe().c_str());
  return report(dispatcher::serve(config, stop.token()));
}
