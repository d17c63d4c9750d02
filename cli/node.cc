#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/server_options.h"

namespace worldshare::cli {

Run add_node(CLI::App& app) {
  struct Options {
    ServerOptions server;
    std::string agent;
    wire::NodeControlT control;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("node", "take an agent out of work, or let it in again");
  command->add_option("agent", options->agent, "its public key")->required();
  const std::map<std::string, wire::NodeAction> actions = {{"enable", wire::NodeAction::enable},
                                                           {"drain", wire::NodeAction::drain},
                                                           {"disable", wire::NodeAction::disable},
                                                           {"label", wire::NodeAction::label}};
  command->add_option("action", options->control.action, "enable, drain, disable or label")
      ->required()
      ->transform(CLI::CheckedTransformer(actions));
  command->add_option("--reason", options->control.reason, "what its owner is told");
  command->add_option("--label", options->control.labels,
                      "with label: all that it has from now on");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    auto api = options->server.client(stop);
    if (!api) return report_error(api.error(), stop);
    if (auto ok = api->control_node(options->agent, options->control); !ok)
      return report_error(ok.error(), stop);
    return kDone;
  };
}

}  // namespace worldshare::cli
