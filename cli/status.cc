#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/server_options.h"

namespace worldshare::cli {
namespace {

struct StatusOptions {
  ServerOptions server;
  std::string job;
  std::optional<std::int32_t> frame;
  bool json = false;
};

int show_frame(const ApiClient& api, const StatusOptions& options, std::stop_token stop) {
  auto frame = api.frame(options.job, *options.frame);
  if (!frame) return report_error(frame.error(), stop);
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*frame));
    return kDone;
  }
  fmt::print("frame {}: {}{}\n", frame->frame, frame->state,
             frame->reason.empty() ? "" : ", " + frame->reason);
  for (const auto& replica : frame->replicas) {
    fmt::print("  {:<16} {:<9} {:>8.1f} s  {}\n", replica->owner, replica->state,
               replica->render_seconds, replica->error);
    if (!replica->log_tail.empty() && !replica->error.empty())
      fmt::print("{}\n", replica->log_tail);
  }
  return kDone;
}

int run(const StatusOptions& options, std::stop_token stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  if (options.frame) return show_frame(*api, options, stop);
  auto job = api->job(options.job);
  if (!job) return report_error(job.error(), stop);
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*job));
    return kDone;
  }
  fmt::print("{} \"{}\": {}\n{}\n", job->id, job->title, job->state, progress_text(*job, 30));
  if (!job->error.empty()) fmt::print("{}\n", job->error);
  Report report;
  report.job = std::move(*job);
  fmt::print("{}{}", owner_table(report), summary(report));
  return kDone;
}

}  // namespace

Run add_status(CLI::App& app) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = app.add_subcommand("status", "how a job or one of its frames stands");
  command->add_option("job", options->job)->required();
  command->add_option("--frame", options->frame, "this frame, with its replicas and their logs");
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) { return run(*options, std::move(stop)); };
}

}  // namespace worldshare::cli
