#include "shared/nats/jwt/account_resolver.h"

#include <boost/json.hpp>
#include <set>

#include "shared/ids.h"

namespace worldshare::nats {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kPatience{5};
/// nats-server 2.9 says nothing of an account that it does not have.
constexpr std::chrono::seconds kLookup{1};
constexpr const char* kUpdate = "$SYS.REQ.CLAIMS.UPDATE";

/// {"server": {...}, "data": {...}} or {"server": {...}, "error": {"code": ..., "description":
/// ...}}
Result<> outcome(std::string_view text) {
  boost::system::error_code error;
  const json::value answer = json::parse(text, error);
  if (error || !answer.is_object())
    return fail(Errc::kCorrupt, "the broker's answer to an account is no JSON object");
  const auto* complaint = answer.as_object().if_contains("error");
  if (complaint == nullptr) return {};
  return fail(Errc::kDenied, "the broker does not take an account: " + json::serialize(*complaint));
}

}  // namespace

Result<AccountResolver> AccountResolver::open(const ConnectOptions& registrar) {
  auto connection = Connection::open(registrar);
  if (!connection) return std::unexpected(connection.error());
  auto answers = (*connection)->subscribe((*connection)->inbox_prefix() + ".accounts.*.*");
  if (!answers) return std::unexpected(answers.error());
  return AccountResolver(std::move(*connection), std::move(*answers));
}

Result<> AccountResolver::put(const std::vector<std::string>& account_jwts) {
  // Late answers to an earlier call are not these.
  const std::string place = connection_->inbox_prefix() + ".accounts." + new_id() + ".";
  std::set<std::string> open;
  for (const auto& jwt : account_jwts) {
    const std::string reply = place + std::to_string(open.size());
    if (auto ok = connection_->publish(kUpdate, as_bytes(jwt), {}, reply); !ok) return ok;
    open.insert(reply);
  }
  // Every server of a cluster answers; the first one tells the others.
  while (!open.empty()) {
    const auto answer = answers_.next(kPatience);
    if (!answer) return std::unexpected(answer.error());
    if (!*answer) return fail(Errc::kTimeout, "the broker does not answer to an account");
    if (open.erase(std::string((*answer)->subject())) == 0) continue;
    if (auto ok = outcome(as_text((*answer)->data())); !ok) return ok;
  }
  return {};
}

Result<bool> AccountResolver::has(const std::string& account) {
  const auto answer =
      connection_->request("$SYS.REQ.ACCOUNT." + account + ".CLAIMS.LOOKUP", {}, kLookup);
  if (answer) return !answer->data().empty();
  if (answer.error().code == Errc::kTimeout) return false;
  return std::unexpected(answer.error());
}

}  // namespace worldshare::nats
