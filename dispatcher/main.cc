#include <CLI/CLI.hpp>
#include <cstdio>

#include "dispatcher/service.h"
#include "shared/exit_code.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace {

/// Prints what there is to print.
int told(const worldshare::Result<std::string>& text) {
  if (text && !text->empty()) std::printf("%s\n", text->c_str());
  return worldshare::exit_code(text ? worldshare::Result<>() : std::unexpected(text.error()));
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
  std::filesystem::path accounts;
  bool provision = false;
  bool follow = false;
  CLI::App app("WorldShare dispatcher: takes jobs, decides who renders what next");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.add_option("--config", config_file, "YAML file; docs/operations.md lists the keys");
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  app.add_flag("--provision", provision,
               "bring the database and the streams up to date, then exit");
  app.add_option(
      "--make-accounts", accounts,
      "make the keys and accounts of a broker that trusts JWTs in this folder, then exit");
  auto* enrol =
      app.add_option("--enrol", agent, "let the agent with this public key in, then exit");
  app.add_option("--owner", owner, "whose agent it is")->needs(enrol);
  app.add_option("--revoke", revoked, "shut this agent out, then exit");
  app.add_flag("--follow-enrolments", follow,
               "beside a broker: keep its list of agents as enrolled, until stopped");
  worldshare::wire::TokenOrderT token;
  auto* create = app.add_option("--create-token", token.name,
                                "make an API token of this name, print it, then exit");
  app.add_option("--role", token.role, "its role: artist, volunteer or operator")->needs(create);
  app.add_option("--tenant", token.tenant, "whose jobs; of artists and operators")->needs(create);
  app.add_option("--volunteer", token.owner, "whose nodes; of volunteers")->needs(create);
  app.add_option("--days", token.days, "until it expires")->needs(create)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto fields = config.fields();
  worldshare::Result<> loaded;
  if (!config_file.empty()) loaded = fields.load(config_file);
  if (!level.empty()) config.log_level = level;
  worldshare::init_log("dispatcher", config.log_level);
  if (!loaded) return worldshare::exit_code(loaded);
  if (provision) return worldshare::exit_code(dispatcher::provision(config, stop.token()));
  if (!accounts.empty()) return worldshare::exit_code(dispatcher::make_accounts(accounts));
  if (!agent.empty()) return told(dispatcher::enrol_agent(config, agent, owner, stop.token()));
  if (!revoked.empty())
    return worldshare::exit_code(dispatcher::revoke_agent(config, revoked, stop.token()));
  if (follow) return worldshare::exit_code(dispatcher::follow_enrolments(config, stop.token()));
  if (!token.name.empty()) {
    return told(dispatcher::make_token(config, token, stop.token()));
  }
  std::fprintf(stderr, "%s", fields.describe().c_str());
  return worldshare::exit_code(dispatcher::serve(config, stop.token()));
}
