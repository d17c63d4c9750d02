#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/show_table.h"

namespace worldshare::cli {
namespace {

struct TenantOptions {
  ServerOptions server;
  std::string tenant;
  std::optional<double> weight;
  std::optional<std::uint32_t> max_leases;
  std::optional<std::uint32_t> max_jobs;
  std::optional<std::uint64_t> max_stored_bytes;
  bool json = false;
};

std::string limit(std::uint64_t value) { return value == 0 ? "-" : std::to_string(value); }

std::string text_of(const wire::TenantListT& list) {
  Listing table({"TENANT", "WEIGHT", "MAX LEASES", "MAX JOBS", "MAX BYTES", "UNFINISHED JOBS"});
  for (const auto& one : list.tenants) {
    table.add({one->tenant, fmt::format("{:g}", one->weight), limit(one->max_leases),
               std::to_string(one->max_jobs), limit(one->max_stored_bytes),
               std::to_string(one->jobs)});
  }
  return table.text();
}

int set(const TenantOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  wire::TenantOrderT order;
  order.tenant = options.tenant;
  if (options.weight) order.weight = *options.weight;
  if (options.max_leases) order.max_leases = *options.max_leases;
  if (options.max_jobs) order.max_jobs = *options.max_jobs;
  if (options.max_stored_bytes) order.max_stored_bytes = *options.max_stored_bytes;
  const auto now = api->post<wire::TenantAccountT>("/v1/tenants", messages::to_json(order));
  if (!now) return report_error(now.error(), stop);
  wire::TenantListT list;
  list.tenants.push_back(std::make_unique<wire::TenantAccountT>(*now));
  fmt::print("{}", options.json ? messages::to_json(*now) + "\n" : text_of(list));
  return kDone;
}

}  // namespace

Run add_tenant(CLI::App& app) {
  auto options = std::make_shared<TenantOptions>();
  auto* tenant = app.add_subcommand("tenant", "who submits jobs, with which share and limits");
  tenant->require_subcommand(1);
  auto* listed = tenant->add_subcommand("list", "all tenants, by name");
  auto* changed = tenant->add_subcommand("set", "make a tenant, or change what is named");
  changed->add_option("tenant", options->tenant, "its name")->required();
  changed->add_option("--weight", options->weight, "its share against others'");
  changed->add_option("--max-leases", options->max_leases, "replicas in work at once; 0: no limit");
  changed->add_option("--max-jobs", options->max_jobs, "that are not finished");
  changed->add_option("--max-stored-bytes", options->max_stored_bytes,
                      "of what it sent and its accepted frames; 0: no limit");
  for (auto* command : {listed, changed}) {
    command->add_flag("--json", options->json, "as the API gives it");
    options->server.add_to(*command);
  }
  return [options, listed](std::stop_token stop) {
    if (!listed->parsed()) return set(*options, stop);
    return show_table<wire::TenantListT>(options->server, options->json, "/v1/tenants?limit=1000",
                                         text_of, stop);
  };
}

}  // namespace worldshare::cli
