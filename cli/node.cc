#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/server_options.h"
#include "shared/clock.h"

namespace worldshare::cli {
namespace {

struct NodeOptions {
  ServerOptions server;
  std::string name;  ///< of the agent, the owner or the token
  wire::NodeControlT control;
  wire::EnrolmentOrderT order;
  double hours = 24;
  bool json = false;
};

using Act = std::function<Result<>(const ApiClient&, NodeOptions&)>;

Result<> control(const ApiClient& api, NodeOptions& options) {
  using enum wire::NodeAction;
  if (options.name.empty() || options.control.action == none) {
    return fail(Errc::kInvalid,
                "name an agent and an action (enable, drain, disable, label), or one of "
                "token, tokens, withdraw, revoke, revoke-owner");
  }
  return api.control_node(options.name, options.control);
}

Result<> revoke(const ApiClient& api, NodeOptions& options) {
  options.control.action = wire::NodeAction::revoke;
  if (auto ok = api.control_node(options.name, options.control); !ok) return ok;
  fmt::print("{} is revoked; the broker cuts it off within seconds\n", options.name);
  return {};
}

Result<> revoke_owner(const ApiClient& api, NodeOptions& options) {
  const auto done = api.revoke_owner(options.name, options.control.reason);
  if (!done) return std::unexpected(done.error());
  fmt::print("{}: {} agents revoked, {} unused tokens withdrawn\n", done->owner, done->agents,
             done->tokens);
  return {};
}

Result<> make_token(const ApiClient& api, NodeOptions& options) {
  options.order.lifetime_seconds = static_cast<std::uint32_t>(options.hours * 3600);
  const auto token = api.make_enrolment_token(options.order);
  if (!token) return std::unexpected(token.error());
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*token));
    return {};
  }
  fmt::print("{}\n", token->token);
  fmt::print(stderr,
             "It lets one agent of {} in, once, within {:g} hours; it is not shown again. There:\n"
             "  worldshare-agent enroll --server URL --token {}\n",
             token->owner, options.hours, token->token);
  return {};
}

Result<> list_tokens(const ApiClient& api, NodeOptions& options) {
  const auto list = api.get<wire::EnrolmentTokenListT>("/v1/enrolment/tokens?limit=1000");
  if (!list) return std::unexpected(list.error());
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*list));
    return {};
  }
  const auto now = unix_ms(SystemClock().now());
  Listing table({"TOKEN", "OWNER", "STATE", "AGE", "USED BY", "NOTE"});
  for (const auto& line : list->tokens) {
    table.add({line->id, line->owner, line->state, age(line->made_ms, now),
               line->agent.empty() ? "-" : line->agent, line->note});
  }
  fmt::print("{}", table.text());
  return {};
}

Result<> withdraw(const ApiClient& api, NodeOptions& options) {
  return api.withdraw_enrolment_token(options.name);
}

struct NodeVerb {
  const char* name;
  const char* help;
  Act act;
  const char* argument = nullptr;  ///< what `name` is there
};

void add_options(CLI::App& command, const NodeVerb& verb, NodeOptions& options) {
  const std::string name = verb.name;
  if (verb.argument != nullptr) command.add_option(verb.argument, options.name)->required();
  if (name.starts_with("revoke"))
    command.add_option("--reason", options.control.reason, "what its owner is told");
  if (name == "token") {
    command.add_option("--owner", options.order.owner, "whose agent it will be")->required();
    command.add_option("--hours", options.hours, "how long the token is good")
        ->check(CLI::Range(1.0 / 60, 720.0));
    command.add_option("--note", options.order.note, "for the list of tokens");
  }
  if (name.starts_with("token")) command.add_flag("--json", options.json, "as the API gives it");
  options.server.add_to(command);
}

}  // namespace

Run add_node(CLI::App& app) {
  auto options = std::make_shared<NodeOptions>();
  auto* node = app.add_subcommand("node", "let agents in, take them out of work, shut them out");
  node->add_option("agent", options->name, "its public key");
  const std::map<std::string, wire::NodeAction> actions = {{"enable", wire::NodeAction::enable},
                                                           {"drain", wire::NodeAction::drain},
                                                           {"disable", wire::NodeAction::disable},
                                                           {"label", wire::NodeAction::label}};
  node->add_option("action", options->control.action, "enable, drain, disable or label")
      ->transform(CLI::CheckedTransformer(actions));
  node->add_option("--reason", options->control.reason, "what its owner is told");
  node->add_option("--label", options->control.labels, "with label: all that it has from now on");
  options->server.add_to(*node);
  const NodeVerb verbs[] = {
      {"token", "make a token that lets one agent in", make_token},
      {"tokens", "list the tokens", list_tokens},
      {"withdraw", "void a token that nobody has used", withdraw, "token"},
      {"revoke", "shut an agent out for good", revoke, "agent"},
      {"revoke-owner", "shut out all agents of an owner", revoke_owner, "owner"}};
  std::vector<std::pair<CLI::App*, Act>> commands;
  for (const auto& verb : verbs) {
    auto* command = node->add_subcommand(verb.name, verb.help);
    add_options(*command, verb, *options);
    commands.emplace_back(command, verb.act);
  }
  return [options, commands](std::stop_token stop) {
    Act act = control;
    for (const auto& [command, chosen] : commands) {
      if (command->parsed()) act = chosen;
    }
    auto api = options->server.client(stop);
    if (!api) return report_error(api.error(), stop);
    if (auto ok = act(*api, *options); !ok) return report_error(ok.error(), stop);
    return kDone;
  };
}

}  // namespace worldshare::cli
