#include <algorithm>

#include "dispatcher/dispatcher.h"
#include "dispatcher/economy/wish_rows.h"
#include "shared/log.h"

// What the trust engine's tables ask for.

namespace worldshare::dispatcher {

Result<> Dispatcher::take_wishes() {
  if (auto ok = take_exclusions(); !ok) return ok;
  if (auto ok = take_records(); !ok) return ok;
  return take_reissues();
}

/// Who is doubted audits nobody, and who was appointed does nothing but what is asked of trusted
/// hardware.
Result<> Dispatcher::take_records() {
  const auto records = changed_records(ledger_.connection(), records_version_);
  if (!records) return std::unexpected(records.error());
  for (const auto& record : *records) {
    if (record.malice) economy_.set_malice(record.owner, *record.malice);
    economy_.set_trusted(record.owner, record.trusted);
    records_version_ = std::max(records_version_, record.version);
  }
  return {};
}

/// To those who get one it is a replica like any other.
Result<> Dispatcher::take_reissues() {
  auto units = reissued_units(ledger_.connection());
  if (!units) return std::unexpected(units.error());
  std::set<std::string> missing;
  std::vector<StoredUnit> strangers;
  for (auto& unit : *units) {
    if (!economy_.has_job(unit.job)) missing.insert(unit.job);
    if (economy_.unit(unit.id) != nullptr) {
      economy_.want(unit.id, unit.wanted);
    } else {
      strangers.push_back(std::move(unit));
    }
  }
  if (auto ok = add_replicas(ledger_.connection(), strangers); !ok) return ok;
  auto jobs = ended_jobs(ledger_.connection(), {missing.begin(), missing.end()});
  if (!jobs) return std::unexpected(jobs.error());
  const auto now = parts_.clock.now();
  for (auto& job : *jobs) economy_.add_job(std::move(job), now);
  for (auto& unit : strangers) economy_.add_unit(std::move(unit));
  return {};
}

void Dispatcher::close_reissue(UnitId id, bool answered) {
  const Unit* unit = economy_.unit(id);
  if (unit == nullptr || !unit->reissued) return;
  if (answered && unit->opinions.size() < unit->wanted) return;
  outgoing_.stop(economy_.close_unit(id, false, "the frame is finished").stop);
}

Result<> Dispatcher::take_exclusions() {
  auto changed = apply_exclusions(ledger_.leadership(), ledger_.connection());
  if (!changed) return std::unexpected(changed.error());
  if (!changed->agents.empty()) {
    spdlog::warn("agents follow their owners' exclusion agents={} leases={}",
                 changed->agents.size(), changed->leases.size());
  }
  outgoing_.stop(economy_.end_leases(changed->leases, "its owner is excluded"));
  return know_agents(changed->agents);
}

}  // namespace worldshare::dispatcher
