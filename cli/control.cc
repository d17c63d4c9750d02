#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/server_options.h"

namespace worldshare::cli {
namespace {

struct ControlOptions {
  ServerOptions server;
  std::string job;
  wire::JobControlT control;
  std::int32_t number = 0;
  bool json = false;
};

int run(const ControlOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  const auto done = api->control(options.job, options.control);
  if (!done) return report_error(done.error(), stop);
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*done));
  } else {
    fmt::print("{} is {}\n", done->job, done->state);
  }
  return kDone;
}

struct Verb {
  const char* name;
  wire::ControlAction action;
  const char* help;
  const char* number = nullptr;  ///< an argument that the action takes
  const char* number_help = nullptr;
};

void give_number(ControlOptions& options) {
  wire::JobControlT& control = options.control;
  switch (control.action) {
    case wire::ControlAction::priority:
      control.priority = static_cast<std::uint8_t>(options.number);
      break;
    case wire::ControlAction::extend: control.last = options.number; break;
    case wire::ControlAction::first: control.frame = options.number; break;
    default: break;
  }
}

Run add_verb(CLI::App& app, const Verb& verb) {
  auto options = std::make_shared<ControlOptions>();
  options->control.action = verb.action;
  auto* command = app.add_subcommand(verb.name, verb.help);
  command->add_option("job", options->job)->required();
  if (verb.number != nullptr) {
    auto* number = command->add_option(verb.number, options->number, verb.number_help)->required();
    if (verb.action == wire::ControlAction::priority) number->check(CLI::Range(0, 100));
  }
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    give_number(*options);
    return run(*options, stop);
  };
}

}  // namespace

std::vector<std::pair<std::string, Run>> add_control(CLI::App& app) {
  using enum wire::ControlAction;
  const Verb verbs[] = {
      {"pause", pause, "give out no more of a job; what is in work is finished"},
      {"resume", resume, "go on with a paused job"},
      {"cancel", cancel, "end a job; its agents stop at once, what is accepted stays"},
      {"prioritise", priority, "change a job's priority", "priority",
       "0 to 100; from 90 on it goes before other tenants' jobs"},
      {"requeue", requeue, "render a job's failed frames again"},
      {"extend", extend, "add frames at the end of a live job's range", "last",
       "the new last frame"},
      {"first", first, "render this frame before the others", "frame", "frame number"}};
  std::vector<std::pair<std::string, Run>> commands;
  for (const auto& verb : verbs) commands.emplace_back(verb.name, add_verb(app, verb));
  return commands;
}

}  // namespace worldshare::cli
