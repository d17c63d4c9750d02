#pragma once

#include <stop_token>

#include "dispatcher/config.h"
#include "shared/messages/messages.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Runs a whole dispatcher (economy, rpc, HTTP) until `stop`. kUnavailable when a service did not
/// appear within config.startup_wait; kInvalid for key and secret files that cannot be used.
Result<> serve(const Config& config, std::stop_token stop);

/// `--provision`: migrations, streams and consumers. Idempotent.
Result<> provision(const Config& config, std::stop_token stop);

/// `--make-accounts FOLDER`: keys and accounts of a broker that trusts JWTs.
Result<> make_accounts(const std::filesystem::path& folder);

/// `--enrol AGENT --owner NAME` and `--revoke AGENT`. The agent's JWT, if the broker asks for one.
Result<std::string> enrol_agent(const Config& config,
                                const std::string& agent,
                                const std::string& owner,
                                std::stop_token stop);
Result<> revoke_agent(const Config& config, const std::string& agent, std::stop_token stop);

/// `--follow-enrolments`: keeps config.agents_conf_file as the rows say and has the broker read it,
/// until `stop`. Runs beside a broker that those who enrol cannot reach. Whatever is not there is
/// waited for; kInvalid without agents_conf_file.
Result<> follow_enrolments(const Config& config, std::stop_token stop);

/// `--create-token NAME --role ROLE`: the first token of a farm, whose text is returned.
Result<std::string> make_token(const Config& config,
                               const wire::TokenOrderT& order,
                               std::stop_token stop);

}  // namespace worldshare::dispatcher
