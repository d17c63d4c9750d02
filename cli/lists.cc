#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/show_table.h"
#include "shared/clock.h"

namespace worldshare::cli {
namespace {

struct ListsOptions {
  ServerOptions server;
  std::string job;
  bool json = false;
};

std::uint64_t now_ms() { return unix_ms(SystemClock().now()); }

std::string text_of(const wire::JobListT& list) {
  Listing table({"JOB", "STATE", "PRIO", "FRAMES", "DONE", "FAILED", "IN WORK", "AGE", "TITLE"});
  for (const auto& job : list.jobs) {
    table.add({job->id, job->state, std::to_string(job->priority), std::to_string(job->frames),
               std::to_string(job->frames_accepted), std::to_string(job->frames_failed),
               std::to_string(job->in_work), age(job->submitted_ms, now_ms()), job->title});
  }
  return table.text();
}

std::string text_of(const wire::UnitListT& list) {
  Listing table(
      {"UNIT", "FRAME", "PART", "STATE", "WANTED", "LEASED", "REPORTED", "EXPIRED", "REASON"});
  for (const auto& unit : list.units) {
    const auto part = unit->shard.find(' ');  // behind "frame=7"
    table.add({std::to_string(unit->id), std::to_string(unit->frame),
               part == std::string::npos ? "all" : unit->shard.substr(part + 1), unit->state,
               std::to_string(unit->replicas_wanted), std::to_string(unit->leased),
               std::to_string(unit->reported), std::to_string(unit->expired), unit->reason});
  }
  return table.text();
}

std::string text_of(const wire::NodeListT& list) {
  Listing table({"AGENT", "OWNER", "STANDING", "SEEN", "CLASS", "SLOTS", "LEASED", "AGREED",
                 "REJECTED", "FAILED", "LOST", "LABELS", "REASON"});
  for (const auto& node : list.nodes) {
    std::string labels;
    for (const auto& label : node->labels) labels += (labels.empty() ? "" : ",") + label;
    table.add({node->agent, node->owner, node->standing,
               node->online ? "now" : age(node->last_seen_ms, now_ms()), node->render_class,
               std::to_string(node->slots), std::to_string(node->leased),
               std::to_string(node->agreed), std::to_string(node->rejected),
               std::to_string(node->failed), std::to_string(node->expired), labels, node->reason});
  }
  return table.text();
}

std::string text_of(const wire::OwnerListT& list) {
  Listing table({"OWNER", "AGENTS", "ONLINE", "AGREED", "REJECTED", "FAILED", "CREDIT", "SEEN"});
  for (const auto& owner : list.owners) {
    table.add({owner->owner, std::to_string(owner->agents), std::to_string(owner->online),
               std::to_string(owner->agreed), std::to_string(owner->rejected),
               std::to_string(owner->failed), fmt::format("{:.1f}", owner->credit),
               age(owner->last_seen_ms, now_ms())});
  }
  return table.text();
}

std::string text_of(const wire::QueueT& queue) {
  if (!queue.leader) return "this dispatcher does not lead; ask the other one\n";
  std::string out = fmt::format("{} agents, {} replicas in work, {} open units\n",
                                queue.nodes_online, queue.leases, queue.open_units);
  Listing tenants({"TENANT", "WEIGHT", "JOBS", "FRAMES WAITING", "IN WORK"});
  for (const auto& line : queue.tenants) {
    tenants.add({line->tenant, fmt::format("{}", line->weight), std::to_string(line->jobs),
                 std::to_string(line->frames_waiting), std::to_string(line->leases)});
  }
  Listing needs({"JOBS", "FRAMES WAITING", "FREE SLOTS", "NEED"});
  for (const auto& line : queue.needs) {
    needs.add({std::to_string(line->jobs), std::to_string(line->frames_waiting),
               std::to_string(line->free_seats), line->need});
  }
  return out + tenants.text() + needs.text();
}

template <class Answer>
Run add_list(CLI::App& app, const char* name, const char* help, const std::string& path) {
  auto options = std::make_shared<ListsOptions>();
  auto* command = app.add_subcommand(name, help);
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options, path](std::stop_token stop) {
    return show_table<Answer>(options->server, options->json, path, text_of, stop);
  };
}

}  // namespace

Run add_jobs(CLI::App& app) {
  return add_list<wire::JobListT>(app, "jobs", "the newest thousand jobs, unfinished ones first",
                                  "/v1/jobs?limit=1000");
}

Run add_nodes(CLI::App& app) {
  return add_list<wire::NodeListT>(app, "nodes", "all agents, their work and their history",
                                   "/v1/nodes?limit=1000");
}

Run add_owners(CLI::App& app) {
  return add_list<wire::OwnerListT>(app, "owners", "all volunteers, their record and their credit",
                                    "/v1/owners?limit=1000");
}

Run add_queue(CLI::App& app) {
  return add_list<wire::QueueT>(app, "queue", "what waits, by tenant and by what it needs",
                                "/v1/queue");
}

Run add_units(CLI::App& app) {
  auto options = std::make_shared<ListsOptions>();
  auto* command = app.add_subcommand("units", "a job's units, those that are not accepted first");
  command->add_option("job", options->job)->required();
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    return show_table<wire::UnitListT>(options->server, options->json,
                                       "/v1/jobs/" + options->job + "/units?limit=1000", text_of,
                                       stop);
  };
}

}  // namespace worldshare::cli
