#include <fmt/format.h>

#include <memory>

#include "cli/analysis.h"
#include "cli/command.h"
#include "cli/embedded/stack.h"
#include "cli/progress.h"
#include "cli/server_options.h"
#include "cli/sharding_options.h"
#include "shared/clock.h"
#include "shared/ids.h"

namespace worldshare::cli {
namespace {

struct SubmitOptions {
  ServerOptions server;
  std::filesystem::path scene;
  std::string frames;
  unsigned replicas = 2;
  unsigned max_replicas = 5;
  ShardingOptions sharding;
  wire::ScheduleT schedule;
  std::vector<std::string> labels;
  double deadline_hours = 0;
  double begin_hours = 0;
  bool watch = false;
};

/// Unix time so many hours from now; 0 for 0.
std::uint64_t hours_from_now(double hours) {
  if (hours <= 0) return 0;
  return unix_ms(SystemClock().now()) + static_cast<std::uint64_t>(hours * 3'600'000);
}

Result<std::string> submit(const SubmitOptions& options, const ApiClient& api) {
  auto analysis = analyse(program_folder() / "worldshare-agent", options.scene);
  if (!analysis) return std::unexpected(analysis.error());
  FrameChoice frames{analysis->frame_start, analysis->frame_end, 1};
  if (!options.frames.empty()) {
    auto chosen = parse_frames(options.frames);
    if (!chosen) return std::unexpected(chosen.error());
    frames = *chosen;
  }
  auto manifest =
      make_manifest(options.scene, *analysis, frames, options.replicas, options.max_replicas);
  if (!manifest) return std::unexpected(manifest.error());
  options.sharding.apply(*manifest);
  manifest->requirements->labels = options.labels;
  manifest->schedule = std::make_unique<wire::ScheduleT>(options.schedule);
  manifest->schedule->deadline_ms = hours_from_now(options.deadline_hours);
  manifest->schedule->not_before_ms = hours_from_now(options.begin_hours);
  if (auto ok = api.upload(options.scene, manifest->scene->sha256); !ok)
    return std::unexpected(ok.error());
  auto job = api.submit(*manifest, new_id());
  if (!job) return std::unexpected(job.error());
  return job->id;
}

int run(const SubmitOptions& options, std::stop_token stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  auto job = submit(options, *api);
  if (!job) return report_error(job.error(), stop);
  fmt::print("{}\n", *job);
  if (!options.watch) return kDone;
  auto status = watch(*api, *job, stop);
  if (!status) return report_error(status.error(), stop);
  return status->state == "completed" ? kDone : kNotVerified;
}

}  // namespace

Run add_submit(CLI::App& app) {
  auto options = std::make_shared<SubmitOptions>();
  auto* command = app.add_subcommand("submit", "hand a scene in as a job; prints the job's id");
  command->add_option("scene", options->scene, "packed .blend file")->required();
  command->add_option("--frames", options->frames,
                      "7, 1-250 or 1-250x5; default: the scene's range");
  command->add_option("--replicas", options->replicas, "renderings that must agree")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  command
      ->add_option("--max-replicas", options->max_replicas, "volunteers tried before a frame fails")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  command->add_option("--priority", options->schedule.priority, "0 to 100")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command->add_option("--after", options->schedule.after, "jobs that must be completed first");
  command->add_option("--label", options->labels, "only agents that have all of these labels");
  command->add_option("--deadline-in", options->deadline_hours, "hours until it is needed")
      ->check(CLI::Range(0.0, 100'000.0));
  command->add_option("--begin-in", options->begin_hours, "hours to wait before it is begun")
      ->check(CLI::Range(0.0, 100'000.0));
  options->sharding.add_to(*command);
  command->add_flag("--watch", options->watch, "follow it to its end");
  options->server.add_to(*command);
  return [options](std::stop_token stop) { return run(*options, std::move(stop)); };
}

}  // namespace worldshare::cli
