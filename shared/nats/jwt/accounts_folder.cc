#include "shared/nats/jwt/accounts_folder.h"

#include <fmt/format.h>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/nats/jwt/farm_accounts.h"

namespace worldshare::nats {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kSecret = 0600;

constexpr std::string_view kBrokerConf =
    R"(# Written by `worldshare-dispatcher --make-accounts`: whom this broker trusts. Nothing here is secret.
operator: "{}"
system_account: {}
resolver_preload {{
  {}: "{}"
  {}: "{}"
}}
)";

constexpr std::string_view kCreds = R"(-----BEGIN NATS USER JWT-----
{}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{}
------END USER NKEY SEED------
)";

/// The keys that sign the farm's own accounts and users.
struct Roots {
  SigningKey root = SigningKey::generate(NKeyKind::kOperator);
  SigningKey signing = SigningKey::generate(NKeyKind::kOperator);
  SigningKey trusted = SigningKey::generate(NKeyKind::kAccount);
  SigningKey system = SigningKey::generate(NKeyKind::kAccount);
};

Result<> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (!error) return {};
  return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + error.message());
}

Result<NKey> user_key(const fs::path& seed) {
  if (fs::exists(seed)) return NKey::load(seed);
  NKey key = NKey::generate();
  if (auto ok = key.save(seed); !ok) return std::unexpected(ok.error());
  return key;
}

Result<> write_roots(const AccountsFolder& files, const Roots& roots) {
  if (auto ok = roots.root.save(files.offline_seed("root")); !ok) return ok;
  if (auto ok = roots.trusted.save(files.offline_seed("trusted")); !ok) return ok;
  if (auto ok = roots.system.save(files.offline_seed("system")); !ok) return ok;
  if (auto ok = roots.signing.save(files.signing_seed()); !ok) return ok;
  Ed25519Seed secret{};
  random_bytes(secret);
  return write_file_atomically(files.agents_secret(), to_hex(secret) + "\n", kSecret);
}

Result<> write_users(const AccountsFolder& files, const Roots& roots, std::int64_t now) {
  for (const std::string who : {"dispatcher", "verifier", "operator"}) {
    const auto key = user_key(files.seed(who));
    if (!key) return std::unexpected(key.error());
    const auto jwt = trusted_user_jwt(key->public_key(), who, roots.trusted, now);
    auto ok = write_file_atomically(files.jwt(who), jwt + "\n", kSecret);
    if (ok && who == "dispatcher") {
      ok = write_file_atomically(files.registrar_jwt(),
                                 registrar_jwt(key->public_key(), roots.system, now) + "\n",
                                 kSecret);
    }
    if (ok && who == "operator") {
      ok = write_file_atomically(files.operator_creds(), fmt::format(kCreds, jwt, key->seed()),
                                 kSecret);
    }
    if (!ok) return ok;
  }
  return {};
}

}  // namespace

Result<> make_accounts(const AccountsFolder& files, std::int64_t now) {
  if (fs::exists(files.broker_conf())) {
    return fail(Errc::kConflict, files.broker_conf().string() +
                                     " is there already: the farm's agents depend on these "
                                     "accounts; choose another folder for others");
  }
  for (const auto& folder : {files.folder, files.offline_seed("root").parent_path()}) {
    if (auto ok = make_folder(folder); !ok) return ok;
  }
  const Roots roots;
  if (auto ok = write_roots(files, roots); !ok) return ok;
  if (auto ok = write_users(files, roots, now); !ok) return ok;
  const std::string& system = roots.system.public_key();
  const std::string& trusted = roots.trusted.public_key();
  // Last: it says that all the others are there.
  return write_file_atomically(
      files.broker_conf(),
      fmt::format(kBrokerConf, operator_jwt(roots.root, roots.signing.public_key(), system, now),
                  system, system, system_account_jwt(system, roots.root, now), trusted,
                  trusted_account_jwt(trusted, roots.root, now)));
}

}  // namespace worldshare::nats
