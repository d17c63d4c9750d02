#include "dispatcher/nodes/enrolment.h"

#include <signal.h>

#include <charconv>

#include "shared/crypto.h"
#include "shared/files.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::string_view kOwnerCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

std::string user_entry(const std::string& id) {
  return "  { nkey: " + id + ", allowed_connection_types: [\"STANDARD\"], permissions: {\n" +
         "      publish: { allow: [\"rpc." + id + ".*\", \"hb." + id + "\", \"results." + id +
         ".*\"] }\n" + "      subscribe: { allow: [\"_INBOX." + id + ".>\", \"work." + id +
         ".*\"] } } }\n";
}

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

Result<> write_agents_conf(pg::Connection& pg,
                           const std::filesystem::path& agents_conf,
                           const std::filesystem::path& pid_file) {
  auto rows = pg.exec("select agent from credentials where revoked_at is null order by agent");
  if (!rows) return std::unexpected(rows.error());
  std::string text = "# Written by worldshare-dispatcher; changes here are lost.\nusers: [\n";
  for (int i = 0; i < rows->size(); ++i) text += user_entry(rows->str(i, 0));
  if (auto ok = write_file_atomically(agents_conf, text + "]\n", 0640); !ok) return ok;
  if (pid_file.empty()) return {};
  auto pid_text = read_file(pid_file, 64);
  if (!pid_text) return std::unexpected(pid_text.error());
  pid_t pid = 0;
  std::from_chars(pid_text->data(), pid_text->data() + pid_text->size(), pid);
  if (pid <= 1 || ::kill(pid, SIGHUP) != 0) {
    return fail(Errc::kUnavailable,
                "cannot tell the broker to reload: no process in " + pid_file.string());
  }
  return {};
}

}  // namespace worldshare::dispatcher
