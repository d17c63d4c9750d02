#include "dispatcher/nodes/agent_rows.h"

#include <algorithm>
#include <set>

namespace worldshare::dispatcher {
namespace {

constexpr const char* kById = R"(
  select a.id, a.owner, a.standing, a.standing_reason, array_to_string(a.labels, E'\n') from agents a join credentials c on c.agent = a.id
   where a.id = any($1) and c.revoked_at is null)";

constexpr const char* kChanged =
    "select id from agents where changed_at > clock_timestamp() - interval '1 minute'";

constexpr const char* kNote = R"(
  update agents a set last_seen_at = now(), online = true, render_class = x.class, version = x.version,
         blender = x.blender, memory_bytes = x.memory, threads = x.threads, slots = x.slots,
         features = string_to_array(x.features, E'\n'), engines = string_to_array(x.engines, E'\n')
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::integer[],
                $8::text[], $9::text[]) x(id, class, version, blender, memory, threads, slots, features, engines)
   where a.id = x.id)";

constexpr const char* kSilent =
    "update agents set online = false, last_seen_at = now() where id = any($1)";

constexpr const char* kDrain =
    "update agents set standing = 'drained', standing_reason = $2, changed_at = clock_timestamp() "
    "where id = $1 and standing = 'enabled'";

Standing to_standing(std::string_view text) {
  if (text == "drained") return Standing::kDrained;
  return text == "disabled" ? Standing::kDisabled : Standing::kEnabled;
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(items.size(), 64); ++i)
    out += (i == 0 ? "" : "\n") + messages::clean_text(items[i], 100);
  return out;
}

std::string engines(const wire::CapabilitiesT& can) {
  std::vector<std::string> names;
  for (const auto engine : can.engines) names.emplace_back(wire::EnumNameEngine(engine));
  return join(names);
}

/// Of all its slots, each once.
std::string render_classes(const wire::CapabilitiesT& can) {
  std::set<std::string> classes;
  for (std::size_t i = 0; i < std::min<std::size_t>(can.devices.size(), 64); ++i) {
    if (!can.devices[i]->slots.empty())
      classes.insert(messages::clean_text(can.devices[i]->render_class, 100));
  }
  if (classes.empty()) return messages::clean_text(can.render_class, 100);
  std::string out;
  for (const auto& one : classes) out += (out.empty() ? "" : ", ") + one;
  return messages::clean_text(out, 300);
}

std::int64_t bounded(std::uint64_t value, std::int64_t limit) {
  return static_cast<std::int64_t>(std::min(value, static_cast<std::uint64_t>(limit)));
}

Result<> run(Leadership& leadership, const char* sql, std::initializer_list<pg::Param> params) {
  auto transaction = leadership.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(sql, params);
  if (!rows) return std::unexpected(rows.error());
  return transaction->commit();
}

}  // namespace

Result<std::map<std::string, AgentRow>> agents_by_id(pg::Connection& pg,
                                                     const std::vector<std::string>& ids) {
  auto rows = pg.exec(kById, {pg::array(ids)});
  if (!rows) return std::unexpected(rows.error());
  std::map<std::string, AgentRow> out;
  for (int i = 0; i < rows->size(); ++i)
    out[rows->str(i, 0)] = {rows->str(i, 1), to_standing(rows->text(i, 2)), rows->str(i, 3),
                            rows->list(i, 4)};
  return out;
}

Result<std::vector<std::string>> changed_agents(pg::Connection& pg) {
  auto rows = pg.exec(kChanged);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> out;
  for (int i = 0; i < rows->size(); ++i) out.push_back(rows->str(i, 0));
  return out;
}

Result<> note_agents(Leadership& leadership, const std::vector<AgentFacts>& facts) {
  std::vector<std::string> ids;
  std::vector<std::string> classes;
  std::vector<std::string> versions;
  std::vector<std::string> blenders;
  std::vector<std::int64_t> memory;
  std::vector<std::int64_t> threads;
  std::vector<std::int64_t> slots;
  std::vector<std::string> features;
  std::vector<std::string> all_engines;
  for (const auto& fact : facts) {
    ids.push_back(fact.agent);
    classes.push_back(render_classes(fact.can));
    versions.push_back(messages::clean_text(fact.can.agent_version, 100));
    blenders.push_back(messages::clean_text(fact.can.blender, 100));
    memory.push_back(bounded(fact.can.memory_bytes, INT64_MAX));
    threads.push_back(bounded(fact.can.threads, INT32_MAX));
    slots.push_back(bounded(fact.slots, INT32_MAX));
    features.push_back(join(fact.can.features));
    all_engines.push_back(engines(fact.can));
  }
  return run(leadership, kNote,
             {pg::array(ids), pg::array(classes), pg::array(versions), pg::array(blenders),
              pg::array(memory), pg::array(threads), pg::array(slots), pg::array(features),
              pg::array(all_engines)});
}

Result<> note_silent(Leadership& leadership, const std::vector<std::string>& agents) {
  return run(leadership, kSilent, {pg::array(agents)});
}

Result<> drain_agent(Leadership& leadership, const std::string& agent, const std::string& reason) {
  return run(leadership, kDrain, {agent, reason});
}

}  // namespace worldshare::dispatcher
