#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>

#include "cli/analysis.h"
#include "cli/command.h"
#include "cli/contact_sheet.h"
#include "cli/embedded/stack.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/sharding_options.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/messages/manifest.h"
#include "shared/scene/blend_file.h"
#include "shared/signals.h"
#include "shared/version.h"

namespace worldshare::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSceneLimitBytes = std::uint64_t{64} << 30;  // unpacked

struct RenderOptions {
  fs::path scene;
  std::string frames;
  fs::path output = "frames";
  fs::path contact_sheet;
  fs::path state;
  fs::path blender = "blender";
  fs::path agent_root = "/";
  unsigned agents = std::min(3U, std::max(2U, std::thread::hardware_concurrency()));
  ShardingOptions sharding;
  unsigned tamper = 0;
  bool expect_cheater = false;
  bool keep = false;
  std::string service_log_level = "info";
};

/// The state folder, removed at the end unless it is to stay.
struct StateFolder {
  fs::path path;
  bool keep = false;
  ~StateFolder() {
    std::error_code ignored;
    if (!keep) fs::remove_all(path, ignored);
  }
};

std::vector<std::int32_t> frame_numbers(const wire::ManifestT& manifest) {
  std::vector<std::int32_t> out;
  for (std::uint32_t i = 0; i < messages::frame_count(manifest); ++i)
    out.push_back(messages::frame_number(manifest, i));
  return out;
}

/// Whether this machine's Blender can render the scene as the artist sees it.
Result<> check_blender(const Analysis& analysis) {
  if (!version_at_least(analysis.blender, analysis.file_version)) {
    return fail(Errc::kInvalid, fmt::format("the scene was saved by Blender {}, this machine has "
                                            "{}; install that version, or save the "
                                            "scene for an older one",
                                            analysis.file_version, analysis.blender));
  }
  for (const auto& feature : analysis.features) {
    if (std::ranges::find(analysis.blender_features, feature) != analysis.blender_features.end())
      continue;
    return fail(
        Errc::kInvalid,
        fmt::format("the scene needs {}, which this machine's Blender was built without; {}, or "
                    "submit it to "
                    "volunteers who have it",
                    feature,
                    feature == "denoise_oidn"
                        ? "switch Denoise off (Render properties > Sampling, and Denoise nodes)"
                        : "remove it from the scene"));
  }
  return {};
}

/// What this machine's Blender lacks is said before anything starts, not by a job that waits for
/// ever.
Result<wire::ManifestT> plan(const RenderOptions& options) {
  auto analysis = analyse(program_folder() / "worldshare-agent", options.scene, options.blender);
  if (!analysis) return std::unexpected(analysis.error());
  for (const auto& problem : analysis->problems) {
    if (!problem.fatal) fmt::print("note: {} {}\n", problem.message, problem.remedy);
  }
  if (auto able = check_blender(*analysis); !able) return std::unexpected(able.error());
  FrameChoice frames{analysis->frame_start, analysis->frame_end, 1};
  if (!options.frames.empty()) {
    auto chosen = parse_frames(options.frames);
    if (!chosen) return std::unexpected(chosen.error());
    frames = *chosen;
  }
  auto manifest =
      make_manifest(options.scene, *analysis, frames, std::min(2U, options.agents), options.agents);
  if (manifest) options.sharding.apply(*manifest);
  return manifest;
}

int show(const Report& report, const RenderOptions& options, const std::vector<fs::path>& files) {
  fmt::print("\n{}\n{}\n{}", frame_table(report), owner_table(report), summary(report));
  if (options.agents == 1) fmt::print("One agent: these frames were not cross-checked.\n");
  const auto found = cheaters(report);
  for (const auto& owner : found) {
    fmt::print("Cheating or broken: {} (its images were rejected by consensus)\n", owner);
  }
  if (!files.empty()) fmt::print("Frames: {}\n", fs::absolute(options.output).string());
  if (report.job.frames_accepted != report.job.frames) return kNotVerified;
  if (!options.expect_cheater) return kDone;
  const std::string cheater = Stack::owner(options.tamper);
  const bool named = std::ranges::find(found, cheater) != found.end();
  if (!named || has_accepted_image_of(report, cheater)) {
    fmt::print(stderr, "worldshare: {} was {}\n", cheater,
               named ? "part of an accepted frame" : "not caught");
    return kNotVerified;
  }
  return kDone;
}

Result<int> work(const RenderOptions& options,
                 const Stack& stack,
                 const wire::ManifestT& manifest,
                 const std::string& key,
                 std::stop_token stop) {
  http::ClientOptions web;
  web.bearer_token = stack.token();
  const ApiClient api(stack.url(), web, stop);
  if (auto ok = api.upload(options.scene, manifest.scene->sha256); !ok)
    return std::unexpected(ok.error());
  auto job = api.submit(manifest, key);
  if (!job) return std::unexpected(job.error());
  auto status = watch(api, job->id, stop, [&] { return stack.supervisor().broken(); });
  if (!status) return std::unexpected(status.error());
  auto report = make_report(api, job->id, frame_numbers(manifest));
  if (!report) return std::unexpected(report.error());
  auto files = fetch_frames(api, *report, options.scene.stem().string(), options.output);
  if (!files) return std::unexpected(files.error());
  if (!options.contact_sheet.empty() && !files->empty()) {
    if (auto ok = write_contact_sheet(*files, options.contact_sheet); !ok)
      return std::unexpected(ok.error());
    fmt::print("Contact sheet: {}\n", fs::absolute(options.contact_sheet).string());
  }
  return show(*report, options, *files);
}

int run(const RenderOptions& options, std::stop_token stop) {
  if (options.expect_cheater && options.tamper == 0) {
    return report_error({Errc::kInvalid, "--expect-cheater needs --tamper N"}, stop);
  }
  if (auto file = scene::check_blend_file(options.scene, kSceneLimitBytes); !file) {
    return report_error(file.error(), stop);
  }
  StateFolder state{options.state.empty() ? default_state_root() / ("run-" + new_id().substr(0, 8))
                                          : options.state,
                    options.keep || !options.state.empty()};
  // Blender looks at the scene while the services start.
  auto planned = std::async(std::launch::async, [&] { return plan(options); });
  auto stack = Stack::start({state.path, options.agents, options.tamper, options.service_log_level,
                             options.blender, options.agent_root},
                            stop);
  auto manifest = planned.get();
  if (!manifest) return report_error(manifest.error(), stop);
  if (!stack) {
    state.keep = true;
    fmt::print(stderr, "worldshare: logs are in {}\n", (state.path / "logs").string());
    return report_error(stack.error(), stop);
  }
  fmt::print("{}: {} frames of {}x{}, {} agents, {} replicas each\n",
             options.scene.filename().string(), messages::frame_count(*manifest),
             manifest->output->width, manifest->output->height, options.agents,
             manifest->policy->replicas);
  // With a state folder that stays, the same command goes on with the same job.
  const std::string key = "render-" + manifest->scene->sha256 + "-" + options.frames + "-" +
                          std::to_string(options.agents);
  auto outcome = work(options, **stack, *manifest, key, stop);
  const int code = outcome ? *outcome : report_error(outcome.error(), stop);
  if (options.keep && !stop.stop_requested()) {
    fmt::print("Kept running at {} (state in {}). Ctrl-C stops it.\n", (*stack)->url(),
               state.path.string());
    std::fflush(stdout);
    while (!stop.stop_requested()) sleep_unless_stopped(stop, std::chrono::seconds(3600));
  }
  return code;
}

}  // namespace

Run add_render(CLI::App& app) {
  auto options = std::make_shared<RenderOptions>();
  auto* command = app.add_subcommand(
      "render", "render a scene on an embedded stack of this machine and verify every frame");
  command->add_option("scene", options->scene, "packed .blend file")->required();
  command->add_option("--frames", options->frames,
                      "7, 1-250 or 1-250x5; default: the scene's range");
  command->add_option("-o,--output", options->output, "folder for the verified frames")
      ->capture_default_str();
  command->add_option("--agents", options->agents, "local agents, of different owners")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command->add_option("--contact-sheet", options->contact_sheet, "PNG with all frames");
  command->add_option("--state", options->state,
                      "state folder; kept, and a second run goes on where the first stopped");
  command->add_option("--blender", options->blender, "the Blender to use")->capture_default_str();
  command
      ->add_option("--agent-root", options->agent_root,
                   "root folder of another system, whose Blender the agents use")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  command->add_flag("--keep", options->keep, "leave the stack running after the job, until Ctrl-C");
  options->sharding.add_to(*command);
  command->add_option("--tamper", options->tamper,
                      "laboratory: the N-th agent falsifies its images");
  command->add_flag("--expect-cheater", options->expect_cheater,
                    "laboratory: fail unless that agent was caught");
  command->add_option("--service-log-level", options->service_log_level,
                      "of the services, in the state folder's logs");
  return [options](std::stop_token stop) { return run(*options, std::move(stop)); };
}

}  // namespace worldshare::cli
