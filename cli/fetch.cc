#include <fmt/format.h>

#include <memory>

#include "cli/analysis.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/server_options.h"

namespace worldshare::cli {
namespace {

struct FetchOptions {
  ServerOptions server;
  std::string job;
  std::string frames;
  std::filesystem::path output = "frames";
};

int run(const FetchOptions& options, std::stop_token stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  auto frames = parse_frames(options.frames);
  if (!frames) return report_error(frames.error(), stop);
  if (frames->step < 1 || frames->last < frames->first) {
    return report_error({Errc::kInvalid, "--frames: the range must run forwards"}, stop);
  }
  std::vector<std::int32_t> numbers;
  for (std::int32_t frame = frames->first; frame <= frames->last; frame += frames->step)
    numbers.push_back(frame);
  auto report = make_report(*api, options.job, numbers);
  if (!report) return report_error(report.error(), stop);
  const std::string stem = std::filesystem::path(report->job.title).stem().string();
  auto files = fetch_frames(*api, *report, stem, options.output);
  if (!files) return report_error(files.error(), stop);
  fmt::print("{} of {} frames verified, in {}\n", files->size(), numbers.size(),
             std::filesystem::absolute(options.output).string());
  return files->size() == numbers.size() ? kDone : kNotVerified;
}

}  // namespace

Run add_fetch(CLI::App& app) {
  auto options = std::make_shared<FetchOptions>();
  auto* command = app.add_subcommand("fetch", "download the verified frames of a job");
  command->add_option("job", options->job)->required();
  command->add_option("--frames", options->frames, "7, 1-250 or 1-250x5")->required();
  command->add_option("-o,--output", options->output, "folder")->capture_default_str();
  options->server.add_to(*command);
  return [options](std::stop_token stop) { return run(*options, std::move(stop)); };
}

}  // namespace worldshare::cli
