#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/server_options.h"
#include "shared/clock.h"

namespace worldshare::cli {
namespace {

struct VerdictOptions {
  ServerOptions server;
  std::uint64_t unit = 0;
  bool json = false;
};

std::string table_of_results(const wire::UnitVerdictsT& unit) {
  Listing results({"OWNER", "JUDGED", "SECONDS", "ARTIFACT", "ERROR"});
  for (const auto& line : unit.replicas) {
    results.add({line->owner, line->state, fmt::format("{:.1f}", line->render_seconds),
                 line->artifact.substr(0, 12), line->error});
  }
  std::string out = results.text();
  for (const auto& pair : unit.comparisons) {
    out += fmt::format("{} and {} {} ({}", pair->a, pair->b, pair->agree ? "agree" : "differ",
                       pair->method);
    if (pair->method == "metrics") {
      out += fmt::format(", PSNR {:.1f} dB, SSIM {:.4f}", pair->psnr_db, pair->ssim);
      if (pair->worst_block_psnr_db)
        out += fmt::format(", worst block {:.1f} dB", *pair->worst_block_psnr_db);
    }
    out += ")\n";
  }
  return out;
}

std::string auditor_of(const wire::ResultAuditT& audit) {
  if (!audit.trusted) return audit.auditor.empty() ? "-" : audit.auditor;
  return "trusted hardware" + (audit.auditor.empty() ? "" : " (" + audit.auditor + ")");
}

std::string finding_of(const wire::ResultAuditT& audit) {
  if (!audit.whole) return audit.finding;
  if (audit.state == "passed") return "rendered it again";
  return "to be rendered again" + (audit.finding.empty() ? "" : ": " + audit.finding);
}

std::string table_of_audits(const wire::UnitVerdictsT& unit) {
  if (unit.audits.empty()) return {};
  Listing audits({"AUDIT OF", "AUDITOR", "STATE", "SECONDS", "FINDING"});
  for (const auto& line : unit.audits) {
    audits.add({line->owner, auditor_of(*line), line->state,
                fmt::format("{:.1f}", line->render_seconds), finding_of(*line)});
  }
  return audits.text() + "\n";
}

std::string text_of(const wire::UnitVerdictsT& unit) {
  const auto now = unix_ms(SystemClock().now());
  std::string out = fmt::format("unit {}, frame {} of job {}, is {}\n\n", unit.unit, unit.frame,
                                unit.job, unit.state);
  out += table_of_results(unit) + "\n" + table_of_audits(unit);
  for (const auto& line : unit.verdicts) {
    out += fmt::format("{} ago, after {}: {}{}; {}\n", age(line->at_ms, now), line->owner,
                       line->decision, line->counts ? "" : " (void)", line->reason);
  }
  if (!unit.verdicts.empty()) {
    out += fmt::format("decided by the policy {}\n", unit.verdicts.back()->policy);
  }
  for (const auto& line : unit.reissues) {
    out += fmt::format("{} ago it was given out again ({}): {}{}\n", age(line->made_ms, now),
                       line->kind, line->state, line->reason.empty() ? "" : "; " + line->reason);
  }
  return out;
}

}  // namespace

Run add_verdict(CLI::App& app) {
  auto options = std::make_shared<VerdictOptions>();
  auto* command = app.add_subcommand("verdict", "how a unit was decided, and on what evidence");
  command->add_option("unit", options->unit, "its number, as `worldshare units` lists it")
      ->required();
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    auto api = options->server.client(stop);
    if (!api) return report_error(api.error(), stop);
    const auto unit =
        api->get<wire::UnitVerdictsT>("/v1/units/" + std::to_string(options->unit) + "/verdicts");
    if (!unit) return report_error(unit.error(), stop);
    fmt::print("{}", options->json ? messages::to_json(*unit) + "\n" : text_of(*unit));
    return kDone;
  };
}

}  // namespace worldshare::cli
