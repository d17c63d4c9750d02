#include "shared/nats/jwt/farm_accounts.h"

#include <boost/json.hpp>

#include "shared/nats/jwt/jwt.h"

namespace worldshare::nats {
namespace {

namespace json = boost::json;

constexpr std::int64_t kUnlimited = -1;
constexpr std::int64_t kAgentPayload = 256 * 1024;
constexpr std::int64_t kAgentSubscriptions = 32;
/// One, and a second one while the broker has not yet noticed that the first is gone.
constexpr std::int64_t kAgentConnections = 2;
/// Clocks that differ must not let a JWT outlive its revocation.
constexpr std::int64_t kClockSlack = 24 * 3600;

json::object unlimited_account() {
  json::object limits;
  for (const char* what : {"subs", "data", "payload", "imports", "exports", "conn", "leaf"}) {
    limits[what] = kUnlimited;
  }
  limits["wildcards"] = true;
  return limits;
}

json::object with_jetstream(json::object limits) {
  for (const char* what : {"mem_storage", "disk_storage", "streams", "consumer"})
    limits[what] = kUnlimited;
  return limits;
}

json::object subject_list(const std::vector<std::string>& allowed) {
  json::array list;
  for (const auto& subject : allowed) list.emplace_back(subject);
  return {{"allow", std::move(list)}};
}

json::object user(const std::vector<std::string>& publish,
                  const std::vector<std::string>& subscribe) {
  json::object out{
      {"type", "user"}, {"subs", kUnlimited}, {"data", kUnlimited}, {"payload", kUnlimited}};
  out["pub"] = publish.empty() ? json::object() : subject_list(publish);
  out["sub"] = subscribe.empty() ? json::object() : subject_list(subscribe);
  out["allowed_connection_types"] = json::array{"STANDARD"};
  return out;
}

json::object exported(const char* name, const char* subject, const char* type) {
  json::object out{{"name", name}, {"subject", subject}, {"type", type}};
  if (std::string_view(type) == "service") out["response_type"] = "Singleton";
  return out;
}

json::object imported(const char* name,
                      const std::string& subject,
                      const char* type,
                      const std::string& trusted) {
  return {{"name", name}, {"subject", subject}, {"account", trusted}, {"type", type}};
}

json::object agent_limits(bool revoked) {
  json::object limits = unlimited_account();
  limits["subs"] = kAgentSubscriptions;
  limits["payload"] = kAgentPayload;
  limits["conn"] = revoked ? 0 : kAgentConnections;
  limits["leaf"] = 0;
  limits["exports"] = 0;
  return limits;
}

json::array agent_imports(const std::string& agent, const std::string& trusted) {
  return {imported("rpc", "rpc." + agent + ".*", "service", trusted),
          imported("results", "results." + agent + ".*", "service", trusted),
          imported("heartbeats", "hb." + agent, "service", trusted),
          imported("work", "work." + agent + ".*", "stream", trusted)};
}

}  // namespace

std::string operator_jwt(const SigningKey& root,
                         const std::string& signer,
                         const std::string& system_account,
                         std::int64_t issued) {
  json::object claims{{"type", "operator"}, {"system_account", system_account}};
  claims["signing_keys"] = json::array{json::value(signer)};
  return make_jwt({root.public_key(), "WorldShare", issued}, std::move(claims), root);
}

std::string system_account_jwt(const std::string& account,
                               const SigningKey& root,
                               std::int64_t issued) {
  json::object claims{{"type", "account"}, {"limits", unlimited_account()}};
  return make_jwt({account, "SYS", issued}, std::move(claims), root);
}

std::string trusted_account_jwt(const std::string& account,
                                const SigningKey& root,
                                std::int64_t issued) {
  json::object claims{{"type", "account"}, {"limits", with_jetstream(unlimited_account())}};
  claims["exports"] = json::array{
      exported("rpc", "rpc.*.*", "service"), exported("results", "results.*.*", "service"),
      exported("heartbeats", "hb.*", "service"), exported("work", "work.*.*", "stream")};
  return make_jwt({account, "WS", issued}, std::move(claims), root);
}

std::string agent_account_jwt(const AgentStanding& standing,
                              const std::string& account,
                              const std::string& trusted,
                              const SigningKey& signer) {
  json::object claims{{"type", "account"}, {"limits", agent_limits(standing.revoked)}};
  if (standing.revoked) {
    claims["revocations"] = json::object{{"*", standing.since + kClockSlack},
                                         {standing.agent, standing.since + kClockSlack}};
  } else {
    claims["imports"] = agent_imports(standing.agent, trusted);
  }
  return make_jwt({account, standing.agent, standing.since}, std::move(claims), signer);
}

std::string trusted_user_jwt(const std::string& user_key,
                             const std::string& name,
                             const SigningKey& account,
                             std::int64_t issued) {
  return make_jwt({user_key, name, issued}, user({}, {}), account);
}

std::string registrar_jwt(const std::string& user_key,
                          const SigningKey& account,
                          std::int64_t issued) {
  return make_jwt({user_key, "registrar", issued},
                  user({"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"},
                       {"_INBOX." + user_key + ".>"}),
                  account);
}

std::string agent_user_jwt(const std::string& agent,
                           const SigningKey& account,
                           std::int64_t issued,
                           std::int64_t expires) {
  return make_jwt({agent, agent, issued, expires},
                  user({"rpc." + agent + ".*", "hb." + agent, "results." + agent + ".*"},
                       {"_INBOX." + agent + ".>", "work." + agent + ".*"}),
                  account);
}

}  // namespace worldshare::nats
