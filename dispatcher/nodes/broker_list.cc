#include "dispatcher/nodes/broker_list.h"

#include "dispatcher/nodes/account_list.h"
#include "dispatcher/nodes/agents_file.h"
#include "shared/crypto.h"

namespace worldshare::dispatcher {

Result<std::unique_ptr<BrokerList>> open_broker_list(const Config& config) {
  if (!config.trusts_jwts()) {
    if (config.agents_conf_file.empty()) return nullptr;
    if (!config.broker_pid_file.empty() && config.broker_monitor_url.empty()) {
      return fail(Errc::kInvalid, "nats.broker_monitor_url: is needed with nats.broker_pid_file");
    }
    return std::make_unique<AgentsFile>(config);
  }
  auto authority = nats::AgentAuthority::open(config.accounts());
  if (!authority) return std::unexpected(authority.error());
  const auto key = NKey::load(config.nats_seed_file);
  if (!key) return std::unexpected(key.error());
  nats::ConnectOptions registrar = config.broker(*key);
  registrar.name = "worldshare-dispatcher registrar";
  registrar.jwt_file = config.accounts().registrar_jwt();
  return std::make_unique<AccountList>(std::move(*authority), std::move(registrar));
}

}  // namespace worldshare::dispatcher
