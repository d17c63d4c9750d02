#include "verifier/trust/judge.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "shared/crypto.h"
#include "verifier/trust/docket.h"
#include "verifier/trust/examination.h"
#include "verifier/trust/hearing.h"

namespace worldshare::verifier {
namespace {

constexpr int kAttempts = 5;

const Error& stopped() {
  static const Error error{Errc::kUnavailable, "the verifier stops"};
  return error;
}

/// Nobody may foresee who is tested.
bool by_chance(double probability) {
  constexpr double kSteps = 1U << 30U;
  return static_cast<double>(random_below(1U << 30U)) < probability * kSteps;
}

template <class T>
void sort_and_unify(std::vector<T>& items) {
  std::ranges::sort(items);
  const auto rest = std::ranges::unique(items);
  items.erase(rest.begin(), rest.end());
}

}  // namespace

Judge::Judge(pg::Connection& connection,
             Evidence& evidence,
             const Clock& clock,
             const JudgeOptions& options)
    : connection_(connection),
      evidence_(evidence),
      clock_(clock),
      options_(options),
      tickets_(options.dispatcher_public_key),
      leases_(connection),
      owners_(connection, options.rules.audits ? options.rules.audit_owners : 0) {}

Sitting Judge::judge(const std::vector<wire::ResultT>& results, const GoOn& go_on) {
  Sitting sitting;
  sitting.outcomes.resize(results.size());
  exhibits_.begin_sitting();
  const std::vector<Case> cases = admit(results, go_on, sitting);
  Cases all;
  for (const auto& one : cases) all.push_back(&one);
  hold(std::move(all), go_on, sitting);
  return sitting;
}

std::vector<Judge::Case> Judge::admit(const std::vector<wire::ResultT>& results,
                                      const GoOn& go_on,
                                      Sitting& sitting) {
  std::vector<std::string> ids;
  for (const auto& result : results) ids.push_back(result.lease);
  const auto leases = leases_.load(ids);
  std::vector<Case> cases;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!leases || !go_on()) {
      sitting.outcomes[i] = std::unexpected(leases ? stopped() : leases.error());
      continue;
    }
    const auto found = leases->find(results[i].lease);
    auto submission = found == leases->end() ? fail(Errc::kNotFound, "unknown lease")
                                             : examine_one(results[i], found->second);
    if (submission) {
      cases.push_back({i, std::move(*submission)});
    } else {
      sitting.outcomes[i] = std::unexpected(submission.error());
    }
  }
  return cases;
}

Result<Submission> Judge::examine_one(const wire::ResultT& result,
                                      const Result<LeaseRecord>& lease) {
  if (!lease) return std::unexpected(lease.error());
  if (auto ok = check_holder(*lease, result, tickets_); !ok) {
    return std::unexpected(ok.error());
  }
  Submission out{result, *lease, {}};
  out.lease.image.pixel_bytes = options_.image_limit_bytes;
  auto finding = examine(result, out.lease, evidence_);
  if (!finding) return std::unexpected(finding.error());
  out.finding = std::move(*finding);
  return out;
}

void Judge::hold(Cases cases, const GoOn& go_on, Sitting& sitting) {
  int conflicts = 0;
  while (!cases.empty()) {
    auto minutes = hear(cases);
    if (minutes && !*minutes) {
      look_closer(cases, go_on, sitting);
      continue;
    }
    if (minutes) {
      for (auto& row : (*minutes)->verdicts) sitting.verdicts.push_back(std::move(row.verdict));
      std::ranges::move((*minutes)->events, std::back_inserter(sitting.events));
      return;
    }
    const Error& error = minutes.error();
    const bool conflict = error.code == Errc::kConflict;
    if (conflict && ++conflicts < kAttempts) continue;
    if ((conflict || !is_retryable(error.code)) && cases.size() > 1) {
      // One of them is at fault, and halving finds it.
      const auto middle = cases.begin() + static_cast<std::ptrdiff_t>(cases.size() / 2);
      hold(Cases(cases.begin(), middle), go_on, sitting);
      cases.erase(cases.begin(), middle);
      continue;
    }
    for (const Case* one : cases) sitting.outcomes[one->index] = std::unexpected(error);
    return;
  }
}

Result<std::optional<Minutes>> Judge::hear(const Cases& cases) {
  std::vector<std::int64_t> units;
  std::vector<std::string> leases;
  std::vector<std::string> owners;
  for (const Case* one : cases) {
    owners.push_back(one->submission.lease.owner);
    units.push_back(one->submission.lease.unit);
    leases.push_back(one->submission.lease.lease);
  }
  sort_and_unify(units);
  auto few = owners_.few();
  if (!few) return std::unexpected(few.error());
  const auto trusted = owners_.trusted();
  if (!trusted) return std::unexpected(trusted.error());
  auto docket = Docket::open(connection_, std::move(units), options_.rules);
  if (!docket) return std::unexpected(docket.error());
  auto papers = docket->papers(leases);
  if (!papers) return std::unexpected(papers.error());
  Beliefs beliefs(options_.rules.parameters);
  if (auto ok = docket->beliefs(*papers, std::move(owners), beliefs); !ok) {
    return std::unexpected(ok.error());
  }
  Minutes minutes;
  minutes.lpips_network = evidence_.lpips_network();
  minutes.decided_by = options_.rules.text;
  Court court{exhibits_, minutes,  options_.rules,        beliefs,
              by_chance, *trusted, unix_ms(clock_.now()), std::move(*few)};
  std::map<std::int64_t, Hearing> hearings;
  for (const Case* one : cases) {
    const std::int64_t unit = one->submission.lease.unit;
    auto hearing = hearings.find(unit);
    if (hearing == hearings.end()) {
      hearing = hearings.try_emplace(unit, std::move((*papers)[unit]), court).first;
    }
    hearing->second.hear(one->submission);
  }
  if (exhibits_.lacks_something()) return std::nullopt;
  if (auto ok = docket->write(minutes, evidence_.store()); !ok) return std::unexpected(ok.error());
  if (auto ok = docket->commit(); !ok) return std::unexpected(ok.error());
  for (const auto& [owner, reason] : docket->exclusions()) {
    spdlog::warn("owner excluded owner={} reason=\"{}\"", owner, reason);
  }
  return minutes;
}

/// What cannot be looked at now leaves the sitting, with its whole unit.
void Judge::look_closer(Cases& cases, const GoOn& go_on, Sitting& sitting) {
  const auto failed = exhibits_.gather(evidence_, go_on);
  std::erase_if(cases, [&](const Case* one) {
    const auto found = failed.find(one->submission.lease.unit);
    if (found == failed.end()) return false;
    sitting.outcomes[one->index] = std::unexpected(found->second);
    return true;
  });
}

}  // namespace worldshare::verifier
