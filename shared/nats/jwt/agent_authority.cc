#include "shared/nats/jwt/agent_authority.h"

#include "shared/files.h"
#include "shared/nats/jwt/jwt_summary.h"

namespace worldshare::nats {
namespace {

constexpr std::size_t kSecretDigits = 64;

Result<std::string> read_secret(const std::filesystem::path& path) {
  if (auto ok = check_private(path); !ok) return std::unexpected(ok.error());
  auto text = read_file(path, 4096);
  if (!text) return text;
  text->erase(text->find_last_not_of(" \r\n") + 1);
  if (text->size() == kSecretDigits) return text;
  return fail(Errc::kInvalid,
              path.string() + ": must hold the 64 hex digits that --make-accounts wrote");
}

}  // namespace

Result<AgentAuthority> AgentAuthority::open(const AccountsFolder& files) {
  auto signer = SigningKey::load(NKeyKind::kOperator, files.signing_seed());
  if (!signer) return std::unexpected(signer.error());
  auto secret = read_secret(files.agents_secret());
  if (!secret) return std::unexpected(secret.error());
  const auto text = read_file(files.jwt("dispatcher"), 1 << 16);
  if (!text) return std::unexpected(text.error());
  const auto dispatcher = read_jwt(*text);
  if (!dispatcher || !nkey_bytes(NKeyKind::kAccount, dispatcher->issuer)) {
    return fail(Errc::kInvalid,
                files.jwt("dispatcher").string() + " holds no JWT of the account WS");
  }
  return AgentAuthority(std::move(*signer), std::move(*secret), dispatcher->issuer);
}

SigningKey AgentAuthority::account_key(const std::string& agent) const {
  return SigningKey::derive(NKeyKind::kAccount, as_bytes(secret_), agent);
}

std::string AgentAuthority::account_of(const std::string& agent) const {
  return account_key(agent).public_key();
}

std::string AgentAuthority::account_jwt(const AgentStanding& standing) const {
  return agent_account_jwt(standing, account_of(standing.agent), trusted_, signer_);
}

std::string AgentAuthority::user_jwt(const std::string& agent,
                                     std::int64_t issued,
                                     std::int64_t expires) const {
  return agent_user_jwt(agent, account_key(agent), issued, expires);
}

}  // namespace worldshare::nats
