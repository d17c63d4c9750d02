#include "agents/swarm/roster.h"

#include <fmt/format.h>

#include <sstream>

#include "shared/files.h"
#include "shared/nats/agent_accounts.h"

namespace worldshare::swarm {
namespace {

constexpr std::size_t kLargestRoster = 64U << 20U;

std::string enrol_sql(const std::vector<Member>& members) {
  std::string out = "begin;\n";
  for (const auto& member : members) {
    out += fmt::format(
        "insert into owners (id) values ('{1}') on conflict do nothing;\n"
        "insert into agents (id, owner) values ('{0}', '{1}') on conflict do nothing;\n"
        "insert into credentials (agent) values ('{0}') on conflict do nothing;\n",
        member.key.public_key(), member.owner);
  }
  return out + "commit;\n";
}

}  // namespace

Result<> make_roster(const std::filesystem::path& folder,
                     std::uint32_t agents,
                     std::uint32_t owners) {
  if (agents == 0 || owners == 0 || owners > agents) {
    return fail(Errc::kInvalid, "--owners: must be 1 to the number of agents");
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::vector<Member> members;
  std::vector<std::string> ids;
  std::string roster;
  for (std::uint32_t i = 0; i < agents; ++i) {
    members.push_back({NKey::generate(), "swarm-" + std::to_string(i % owners + 1)});
    ids.push_back(members.back().key.public_key());
    roster += members.back().key.seed() + " " + members.back().owner + "\n";
  }
  if (auto ok = write_file_atomically(folder / "roster.txt", roster, 0600); !ok) return ok;
  if (auto ok = write_file_atomically(folder / "enrol.sql", enrol_sql(members), 0644); !ok)
    return ok;
  return write_file_atomically(folder / "agents.conf", nats::agents_conf(ids), 0640);
}

Result<std::vector<Member>> load_roster(const std::filesystem::path& file, std::uint32_t count) {
  const auto text = read_file(file, kLargestRoster);
  if (!text) return std::unexpected(text.error());
  std::istringstream lines(*text);
  std::vector<Member> out;
  std::string seed;
  std::string owner;
  while (out.size() < count && lines >> seed >> owner) {
    auto key = NKey::from_seed(seed);
    if (!key) {
      return fail(Errc::kInvalid, fmt::format("{}: line {}: {}", file.string(), out.size() + 1,
                                              key.error().message));
    }
    out.push_back({std::move(*key), owner});
  }
  if (out.size() < count) {
    return fail(Errc::kInvalid,
                fmt::format("--agents: {} holds only {}", file.string(), out.size()));
  }
  return out;
}

}  // namespace worldshare::swarm
