#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/server_options.h"
#include "shared/signals.h"

namespace worldshare::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kRefresh = 1s;
constexpr const char* kAlternateScreen = "\x1b[?1049h\x1b[?25l";
constexpr const char* kBack = "\x1b[?25h\x1b[?1049l";
constexpr const char* kHome = "\x1b[H";
constexpr const char* kClearLine = "\x1b[K\n";
constexpr const char* kClearRest = "\x1b[J";

struct TopOptions {
  ServerOptions server;
  bool once = false;
};

struct Sight {
  wire::QueueT queue;
  wire::JobListT jobs;
  wire::NodeListT nodes;
};

Result<Sight> look(const ApiClient& api) {
  auto queue = api.get<wire::QueueT>("/v1/queue");
  if (!queue) return std::unexpected(queue.error());
  auto jobs = api.get<wire::JobListT>("/v1/jobs?limit=100");
  if (!jobs) return std::unexpected(jobs.error());
  auto nodes = api.get<wire::NodeListT>("/v1/nodes?limit=200");
  if (!nodes) return std::unexpected(nodes.error());
  return Sight{std::move(*queue), std::move(*jobs), std::move(*nodes)};
}

std::string bar(std::uint32_t done, std::uint32_t failed, std::uint32_t all) {
  constexpr std::uint32_t kWidth = 20;
  const auto of = [&](std::uint64_t count) { return all == 0 ? 0 : count * kWidth / all; };
  std::string out = std::string(of(done), '#') + std::string(of(failed), '!');
  out.resize(kWidth, '.');
  return out;
}

std::string jobs_text(const wire::JobListT& list) {
  Listing table({"JOB", "STATE", "PROGRESS", "VERIFIED", "FAILED", "IN WORK", "TITLE"});
  for (const auto& job : list.jobs) {
    table.add({job->id.substr(0, 8), job->state,
               bar(job->frames_accepted, job->frames_failed, job->frames),
               fmt::format("{}/{}", job->frames_accepted, job->frames),
               std::to_string(job->frames_failed), std::to_string(job->in_work), job->title});
  }
  return table.text();
}

std::string nodes_text(const wire::NodeListT& list) {
  Listing table({"OWNER", "AGENT", "STANDING", "BUSY", "AGREED", "REJECTED", "FAILED", "CLASS"});
  for (const auto& node : list.nodes) {
    if (!node->online) continue;
    table.add({node->owner, node->agent.substr(0, 10), node->standing,
               fmt::format("{}/{}", node->leased, node->slots), std::to_string(node->agreed),
               std::to_string(node->rejected), std::to_string(node->failed), node->render_class});
  }
  return table.text();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string text_of(const Sight& sight) {
  return fmt::format("{} nodes, {} replicas in work, {} open units\n\n{}\n{}",
                     sight.queue.nodes_online, sight.queue.leases, sight.queue.open_units,
                     jobs_text(sight.jobs), nodes_text(sight.nodes));
}

/// Over what was there, so that nothing flickers; no more than fits.
void draw(const std::string& text) {
  winsize size = {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
  const std::size_t rows = known ? size.ws_row - 1U : 23U;
  const std::size_t columns = known ? size.ws_col : 80U;
  std::string out = kHome;
  auto lines = lines_of(text);
  lines.resize(std::min(lines.size(), rows));
  for (const auto& line : lines) out += line.substr(0, columns) + kClearLine;
  fmt::print("{}{}", out, kClearRest);
  std::fflush(stdout);
}

int run_top(const TopOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  auto sight = look(*api);
  if (!sight) return report_error(sight.error(), stop);
  if (options.once || ::isatty(STDOUT_FILENO) == 0) {
    fmt::print("{}", text_of(*sight));
    return kDone;
  }
  fmt::print("{}", kAlternateScreen);
  while (sight && !stop.stop_requested()) {
    draw(text_of(*sight));
    if (sleep_unless_stopped(stop, kRefresh)) sight = look(*api);
  }
  fmt::print("{}", kBack);
  if (stop.stop_requested()) return kDone;
  return report_error(sight.error(), stop);
}

}  // namespace

Run add_top(CLI::App& app) {
  auto options = std::make_shared<TopOptions>();
  auto* command = app.add_subcommand("top", "jobs and nodes, live; Ctrl-C ends it");
  command->add_flag("--once", options->once, "print it once, as where the output is no terminal");
  options->server.add_to(*command);
  return [options](std::stop_token stop) { return run_top(*options, stop); };
}

}  // namespace worldshare::cli
