#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/show_table.h"

namespace worldshare::cli {
namespace {

struct LeaderboardOptions {
  ServerOptions server;
  int days = 30;
  int limit = 50;
  bool json = false;
};

void add_leader(Listing& table, const wire::LeaderLineT& line, bool own) {
  table.add({line.rank == 0 ? "-" : std::to_string(line.rank), line.owner,
             std::to_string(line.results), fmt::format("{:.1f}", line.seconds),
             std::to_string(line.jobs), own ? "<- you" : ""});
}

std::string text_of(const wire::LeaderboardT& board) {
  Listing table({"RANK", "OWNER", "RESULTS", "CREDIT (s)", "JOBS", ""});
  bool seen = false;
  for (const auto& line : board.leaders) {
    const bool own = board.you && line->owner == board.you->owner;
    seen = seen || own;
    add_leader(table, *line, own);
  }
  if (board.you && !seen) add_leader(table, *board.you, true);
  return table.text();
}

}  // namespace

Run add_leaderboard(CLI::App& app) {
  auto options = std::make_shared<LeaderboardOptions>();
  auto* command = app.add_subcommand("leaderboard", "who contributed most, by credited seconds");
  command->add_option("--days", options->days, "credited so lately; 0: ever")
      ->capture_default_str();
  command->add_option("--limit", options->limit, "so many owners, and your own")
      ->capture_default_str();
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    return show_table<wire::LeaderboardT>(
        options->server, options->json,
        fmt::format("/v1/leaderboard?days={}&limit={}", options->days, options->limit), text_of,
        stop);
  };
}

}  // namespace worldshare::cli
