#include "shared/nats/agent_accounts.h"

#include <fmt/format.h>

namespace worldshare::nats {
namespace {

/// The account bears the agent's key as its name. One connection, and a second one while the
/// broker has not yet noticed that the first is gone.
constexpr std::string_view kAccount = R"(  {0}: {{
    limits: {{ max_connections: 2, max_subscriptions: 32, max_payload: 256KB, max_leafnodes: 0 }}
    users: [ {{ nkey: {0}, allowed_connection_types: ["STANDARD"], permissions: {{
      publish: {{ allow: ["rpc.{0}.*", "hb.{0}", "results.{0}.*"] }}
      subscribe: {{ allow: ["_INBOX.{0}.>", "work.{0}.*"] }} }} }} ]
    imports: [
      {{ service: {{ account: WS, subject: "rpc.{0}.*" }} }}
      {{ service: {{ account: WS, subject: "results.{0}.*" }} }}
      {{ service: {{ account: WS, subject: "hb.{0}" }} }}
      {{ stream: {{ account: WS, subject: "work.{0}.*" }} }}
    ]
  }}
)";

}  // namespace

std::string agents_conf(std::span<const std::string> agents) {
  std::string text = "# Written by worldshare-dispatcher; changes here are lost.\n";
  for (const std::string& agent : agents) text += fmt::format(kAccount, agent);
  return text;
}

}  // namespace worldshare::nats
