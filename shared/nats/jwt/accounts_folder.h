#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::nats {

/// The keys of a broker that trusts JWTs, and what they signed: made once for a farm. Every private
/// key is readable by its user alone.
struct AccountsFolder {
  std::filesystem::path folder;

  /// For the broker to include: operator, system account, WS. Nothing in it is secret.
  std::filesystem::path broker_conf() const { return folder / "accounts.conf"; }
  /// The dispatcher's: with these two it lets agents in.
  std::filesystem::path signing_seed() const { return folder / "signing.seed"; }
  std::filesystem::path agents_secret() const { return folder / "agents.secret"; }
  /// The dispatcher as a user of the system account.
  std::filesystem::path registrar_jwt() const { return folder / "registrar.jwt"; }
  /// `who`: dispatcher, verifier, operator. As users of WS.
  std::filesystem::path seed(const std::string& who) const { return folder / (who + ".seed"); }
  std::filesystem::path jwt(const std::string& who) const { return folder / (who + ".jwt"); }
  /// What the NATS CLI takes.
  std::filesystem::path operator_creds() const { return folder / "operator.creds"; }
  /// `what`: root, trusted, system. Needed to sign accounts and services anew, and by no service.
  std::filesystem::path offline_seed(const std::string& what) const {
    return folder / "offline" / (what + ".seed");
  }
};

/// Makes the folder's files; seeds of dispatcher, verifier and operator that are there are kept.
/// kConflict when there are accounts already: agents of the farm depend on them. `now`: unix
/// seconds.
Result<> make_accounts(const AccountsFolder& files, std::int64_t now);

}  // namespace worldshare::nats
