#include "dispatcher/nodes/enrolment.h"

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/nats/agent_accounts.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::string_view kOwnerCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

}  // namespace

Result<> enrol(pg::Connection& pg, const std::string& agent, const std::string& owner) {
  if (!is_user_nkey(agent))
    return fail(Errc::kInvalid, "agent: must be a public nkey (U and 55 characters)");
  if (owner.empty() || owner.size() > 64 ||
      owner.find_first_not_of(kOwnerCharacters) != std::string::npos) {
    return fail(Errc::kInvalid, "owner: 1 to 64 letters, digits, '.', '_' or '-'");
  }
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto rows =
      transaction->exec("insert into owners (id) values ($1) on conflict do nothing", {owner});
  if (rows)
    rows = transaction->exec(
        "insert into agents (id, owner) values ($1, $2) on conflict do nothing", {agent, owner});
  if (rows) rows = transaction->exec("select owner from agents where id = $1", {agent});
  if (!rows) return std::unexpected(rows.error());
  if (rows->text(0, 0) != owner) {
    return fail(Errc::kConflict, "agent " + agent + " belongs to " + rows->str(0, 0));
  }
  rows = transaction->exec(
      "insert into credentials (agent) values ($1) on conflict (agent) do update set revoked_at = "
      "null",
      {agent});
  if (!rows) return std::unexpected(rows.error());
  return transaction->commit();
}

Result<> revoke(pg::Connection& pg, const std::string& agent) {
  auto rows = pg.exec(
      "update credentials set revoked_at = coalesce(revoked_at, now()) where agent = $1", {agent});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0) return fail(Errc::kNotFound, "agent " + agent + " was never enrolled");
  return {};
}

Result<bool> write_agents_conf(pg::Connection& pg, const std::filesystem::path& file) {
  auto rows = pg.exec("select agent from credentials where revoked_at is null order by agent");
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> agents;
  for (int i = 0; i < rows->size(); ++i) agents.push_back(rows->str(i, 0));
  const std::string text = nats::agents_conf(agents);
  if (read_file(file, text.size()) == text) return false;
  if (auto ok = write_file_atomically(file, text, 0640); !ok) return std::unexpected(ok.error());
  return true;
}

}  // namespace worldshare::dispatcher
