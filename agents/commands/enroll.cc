#include <fmt/format.h>

#include <memory>

#include "agents/blender/probe.h"
#include "agents/commands/command.h"
#include "agents/enrolment.h"
#include "agents/probe_machine.h"
#include "shared/nats/connection.h"
#include "shared/retry.h"

namespace worldshare::agent {
namespace {

// The broker reads its list of agents some seconds after the enrolment.
constexpr std::chrono::seconds kBrokerTime{30};

struct EnrollOptions {
  EnrolmentOrder order;
  std::string home;
};

/// A refusal is no final word here: the broker may not have read its list yet.
Result<> try_broker(const Home& home) {
  Config config;
  if (auto ok = load_config(config, {}, home); !ok) return ok;
  if (auto ok = config.check(); !ok) return ok;
  const auto key = NKey::load(config.seed_file);
  if (!key) return std::unexpected(key.error());
  const auto opened =
      retry_until<std::unique_ptr<nats::Connection>>("the broker", kBrokerTime, {}, [&] {
        auto connection = nats::Connection::open(config.broker(*key));
        if (!connection && connection.error().code == Errc::kDenied)
          connection.error().code = Errc::kUnavailable;
        return connection;
      });
  if (!opened) return std::unexpected(opened.error());
  return {};
}

int enroll(EnrollOptions& options) {
  const Home home = options.home.empty() ? default_home() : Home{options.home};
  Config config;
  // Wishes such as Blender's path count already.
  if (std::filesystem::exists(wishes_file())) {
    if (auto ok = config.fields().load(wishes_file()); !ok) return complain(ok.error());
  }
  // Before the token is spent: a machine that cannot render needs none.
  const auto probe = probe_machine(config);
  if (!probe) return complain(probe.error());
  const wire::CapabilitiesT& can = probe->can;
  options.order.render_class = can.render_class;
  while (options.order.server.ends_with('/')) options.order.server.pop_back();
  const auto answer = enrol(options.order, home);
  if (!answer) return complain(answer.error());
  fmt::print("enrolled as an agent of {}\n  key     {}\n  class   {} (Blender {})\n  broker  {}\n",
             answer->owner, answer->agent, can.render_class, can.blender, answer->broker_url);
  if (auto ok = try_broker(home); !ok) {
    fmt::print(stderr, "worldshare-agent: enrolled, but the broker cannot be used yet: {}\n",
               ok.error().message);
    return kExitFailed;
  }
  fmt::print(
      "the broker lets it in; start it with `worldshare-agent`, or with systemd: "
      "`systemctl enable --now worldshare-agent`\n");
  return kExitDone;
}

}  // namespace

Command add_enroll(CLI::App& app) {
  auto options = std::make_shared<EnrollOptions>();
  auto* command = app.add_subcommand("enroll", "make this machine an agent of a farm");
  command->add_option("--server", options->order.server, "the farm's address, https://host[:port]")
      ->required();
  command->add_option("--token", options->order.token, "from the farm's operator")
      ->envname("WORLDSHARE_ENROLMENT_TOKEN")
      ->required();
  command->add_option("--ca", options->order.ca_file, "PEM file with the server's authority");
  command->add_flag("--allow-plain", options->order.allow_plain,
                    "unencrypted HTTP and NATS to another machine");
  command->add_option("--home", options->home, "where this agent keeps its key and state");
  return {command, [options] { return enroll(*options); }};
}

}  // namespace worldshare::agent
