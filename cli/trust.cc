#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/server_options.h"
#include "shared/clock.h"

namespace worldshare::cli {
namespace {

struct TrustOptions {
  ServerOptions server;
  std::string owner;
  wire::OverruleT order;
  bool json = false;
};

/// What an operator may order of an owner.
struct Order {
  const char* name;
  const char* help;
  wire::OverruleAction action;
};

constexpr Order kOrders[] = {
    {"readmit", "let an excluded owner in again", wire::OverruleAction::readmit},
    {"ban", "exclude an owner", wire::OverruleAction::ban},
    {"appoint", "make its machines trusted hardware, which settles what volunteers cannot",
     wire::OverruleAction::appoint},
    {"relieve", "make it a volunteer like any other again", wire::OverruleAction::relieve}};

std::string text_of(const wire::OwnerTrustT& owner) {
  const auto now = unix_ms(SystemClock().now());
  std::string out = fmt::format("{} is {}{}{}\n", owner.owner, owner.state,
                                owner.trusted ? ", trusted hardware" : "",
                                owner.reason.empty() ? "" : ": " + owner.reason);
  out += fmt::format(
      "  {} results agreed, {} were rejected, {} failed; {:.1f} count as good and {:.1f} as bad "
      "by now\n",
      owner.agreed, owner.rejected, owner.failed, owner.ok, owner.bad);
  if (owner.malice > 0) {
    out += fmt::format("  the chance that it cheats is put at {:.2g} %\n", 100 * owner.malice);
  }
  if (owner.canaries_missed > 0) {
    out +=
        fmt::format("  it missed {} results whose right answer was known\n", owner.canaries_missed);
  }
  if (owner.doubted > 0) {
    out += fmt::format("  {} accepted units are looked at again because of it\n", owner.doubted);
  }
  Listing credit({"JOB", "RESULTS", "EARNED (s)", "TAKEN BACK (s)"});
  for (const auto& line : owner.credit) {
    credit.add({line->job, std::to_string(line->results), fmt::format("{:.1f}", line->earned),
                fmt::format("{:.1f}", line->reversed)});
  }
  if (!owner.credit.empty()) out += "\n" + credit.text();
  Listing events({"AGO", "EVENT", "GOOD", "BAD", "UNIT", "WHY"});
  for (const auto& line : owner.events) {
    events.add({age(line->at_ms, now), line->kind, fmt::format("{:.2f}", line->ok),
                fmt::format("{:.2f}", line->bad),
                line->unit == 0 ? "-" : std::to_string(line->unit), line->reason});
  }
  if (!owner.events.empty()) out += "\n" + events.text();
  for (const auto& line : owner.overrules) {
    out += fmt::format("{} ago operator {} ordered {}: {}{}\n", age(line->at_ms, now),
                       line->operator_, line->action, line->reason,
                       line->state_before.empty() ? " (not carried out yet)"
                                                  : " (it was " + line->state_before + ")");
  }
  return out;
}

int show(const TrustOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  const auto owner = api->get<wire::OwnerTrustT>("/v1/trust/" + options.owner);
  if (!owner) return report_error(owner.error(), stop);
  fmt::print("{}", options.json ? messages::to_json(*owner) + "\n" : text_of(*owner));
  return kDone;
}

int overrule(const TrustOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  if (auto ok = api->overrule(options.owner, options.order); !ok)
    return report_error(ok.error(), stop);
  fmt::print("ordered; the trust engine carries it out within seconds\n");
  return kDone;
}

void add_options(CLI::App& command, TrustOptions& options) {
  command.add_option("owner", options.owner)->required();
  command.add_option("--operator", options.order.operator_, "who orders it")->required();
  command.add_option("--reason", options.order.reason, "kept on record")->required();
  options.server.add_to(command);
}

}  // namespace

Run add_trust(CLI::App& app) {
  auto options = std::make_shared<TrustOptions>();
  auto* trust = app.add_subcommand("trust", "what is believed of an owner, and why");
  trust->require_subcommand(1);
  auto* shown = trust->add_subcommand("show", "its standing, its events and its credit");
  shown->add_flag("--json", options->json, "as the API gives it");
  shown->add_option("owner", options->owner)->required();
  options->server.add_to(*shown);
  std::vector<std::pair<CLI::App*, wire::OverruleAction>> commands;
  for (const auto& order : kOrders) {
    auto* command = trust->add_subcommand(order.name, order.help);
    add_options(*command, *options);
    commands.emplace_back(command, order.action);
  }
  return [options, shown, commands](std::stop_token stop) {
    if (shown->parsed()) return show(*options, stop);
    for (const auto& [command, action] : commands) {
      if (command->parsed()) options->order.action = action;
    }
    return overrule(*options, stop);
  };
}

}  // namespace worldshare::cli
