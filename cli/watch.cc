#include <memory>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/server_options.h"

namespace worldshare::cli {

Run add_watch(CLI::App& app) {
  struct Options {
    ServerOptions server;
    std::string job;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("watch", "follow a job to its end");
  command->add_option("job", options->job)->required();
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    auto api = options->server.client(stop);
    if (!api) return report_error(api.error(), stop);
    auto status = watch(*api, options->job, stop);
    if (!status) return report_error(status.error(), stop);
    return status->state == "completed" ? kDone : kNotVerified;
  };
}

}  // namespace worldshare::cli
