#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "shared/crypto.h"
#include "shared/sharding/audit_plan.h"
#include "shared/sharding/cost_estimate.h"
#include "verifier/trust/hearing.h"

// Audits of a unit's results: ordered, answered, paid.

namespace worldshare::verifier {
namespace {

/// So many auditors who could not do it, and the unit is decided by whole replicas.
constexpr std::ptrdiff_t kMostUnable = 3;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return out;
}

bool is_answered(const FiledAudit& audit) {
  return audit.state == AuditState::kPassed || audit.state == AuditState::kFailed;
}

}  // namespace

std::uint64_t draw_audit_seed() {
  return random_below(std::uint64_t{std::numeric_limits<std::int64_t>::max()});
}

FiledResult* Hearing::result_of(const std::string& lease) {
  const auto found = std::ranges::find(papers_.results, lease, &FiledResult::lease);
  return found == papers_.results.end() ? nullptr : &*found;
}

/// The answer is the first one of its order. Trusted hardware that hands in nothing of use was
/// unable, so that it is not asked for ever.
FiledAudit* Hearing::file_answer() {
  const auto found = std::ranges::find_if(papers_.audits, [&](const FiledAudit& audit) {
    return audit.order.id == now_->lease.audit->id;
  });
  if (found == papers_.audits.end() || !found->lease.empty()) return nullptr;
  found->lease = now_->lease.lease;
  found->owner = now_->lease.owner;
  found->renderer = now_->result.renderer;
  if (now_->finding.outcome == Finding::Outcome::kRendered && void_because().empty())
    found->artifact = now_->result.artifact->sha256;
  return &*found;
}

void Hearing::hear_audit(FiledAudit* audit) {
  if (audit == nullptr) return dismiss_late_audit();
  measure();
  answer(*audit);
  if (stopped_) return;
  tell(wire::EventKind::frame_reported, audit->owner, "audited: " + audit->finding);
  if (!papers_.ending) return deliberate();
  settle_audits();
  say_of_audit("the frame was judged before; the audit: " + audit->finding);
}

/// Its owner gave no opinion on the unit, and may render it.
void Hearing::dismiss_late_audit() {
  minutes().results.back().outcome = Finding::Outcome::kVoid;
  papers_.voids.push_back(now_->lease.lease);
  minutes().judged[now_->lease.lease] = "void";
  Ruled ruled;
  ruled.counts = false;
  ruled.reason = "another answered this audit before";
  give_verdict(std::move(ruled));
}

void Hearing::say_of_audit(std::string reason) {
  Ruled ruled;
  ruled.reason = std::move(reason);
  give_verdict(std::move(ruled));
}

/// What the audit shows of its target.
void Hearing::answer(FiledAudit& audit) {
  std::optional<AuditFigures> figures;
  FiledResult* target = result_of(audit.order.target);
  audit.state = AuditState::kUnable;
  if (audit.artifact.empty()) {
    const auto& result = now_->result;
    audit.finding = void_because();
    if (audit.finding.empty())
      audit.finding = result.error.empty() ? result.error_code : result.error;
    if (result.error_code == "not_auditable") note_unauditable(audit.finding);
  } else if (target == nullptr || !target->rendered) {
    audit.finding = "what it was of is no picture any more";
  } else if (audit.renderer != target->renderer) {
    audit.finding = fmt::format("{} cannot tell what {} renders", audit.renderer, target->renderer);
  } else if (const AuditExhibit* exhibit = held_against(*target, audit)) {
    if (!exhibit->flaw_claim.empty()) note_flaw(*target, exhibit->flaw_claim);
    audit.finding = exhibit->flaw_audit;
    if (exhibit->flaw_claim.empty() && exhibit->flaw_audit.empty()) {
      figures = exhibit->figures;
      const std::string fault = fault_found(*figures);
      audit.state = fault.empty() ? AuditState::kPassed : AuditState::kFailed;
      audit.finding = fault.empty() ? "nothing was found" : fault;
    } else if (audit.finding.empty()) {
      audit.state = AuditState::kFailed;
      audit.finding = "the picture does not decode";
    }
  }
  minutes().audit_answers[audit.order.id] = {audit.state, audit.lease, audit.finding, figures};
  // Its owner gave no opinion on the unit, and may render it.
  if (was_unable()) minutes().results.back().outcome = Finding::Outcome::kVoid;
}

bool Hearing::was_unable() const {
  return std::ranges::any_of(papers_.audits, [&](const FiledAudit& audit) {
    return audit.lease == now_->lease.lease && audit.state == AuditState::kUnable;
  });
}

/// Null when the hearing has to stop.
const AuditExhibit* Hearing::held_against(const FiledResult& target, const FiledAudit& audit) {
  const LeaseRecord& lease = now_->lease;
  const auto plan = sharding::plan_audit(audit.order.seed, audit.order.tiles, audit.order.samples,
                                         lease.shard, lease.frame_size);
  const AuditExhibit* exhibit = court_.exhibits.audited(lease.unit, lease.image, target.artifact,
                                                        audit.artifact, {audit.order.id, plan});
  if (exhibit == nullptr) stopped_ = true;
  return exhibit;
}

void Hearing::note_unauditable(const std::string& why) {
  if (!papers_.measures.unauditable.empty()) return;
  papers_.measures.unauditable = why;
  minutes().measured[now_->lease.job].unauditable = why;
}

/// The first results of a job say what its frames and audits cost. A part counts for the frame that
/// it is a share of.
void Hearing::measure() {
  if (!court_.rules.audits || now_->finding.outcome != Finding::Outcome::kRendered) return;
  if (is_trusted()) return;  // it is another kind of machine
  JobMeasures& known = papers_.measures;
  JobMeasures added;
  const auto add = [](unsigned JobMeasures::* count, double JobMeasures::* sum, double seconds,
                      JobMeasures& to) {
    to.*count += 1;
    to.*sum += std::isfinite(seconds) ? std::clamp(seconds, 0.0, 1e6) : 0;
  };
  const auto note = [&](unsigned JobMeasures::* count, double JobMeasures::* sum, double seconds) {
    if (known.*count >= JobMeasures::kEnough) return;
    for (JobMeasures* to : {&known, &added}) add(count, sum, seconds, *to);
  };
  const double seconds = double{now_->result.render_seconds};
  if (now_->lease.audit) {
    note(&JobMeasures::audits, &JobMeasures::audit_seconds, seconds);
  } else {
    const double share = sharding::share_of_frame(now_->lease.shard, now_->lease.frame_size);
    note(&JobMeasures::frames, &JobMeasures::frame_seconds, seconds / share);
  }
  note(&JobMeasures::loads, &JobMeasures::load_seconds, double{now_->result.load_seconds});
  if (added.frames + added.audits + added.loads == 0) return;
  JobMeasures& written = minutes().measured[now_->lease.job];
  written.frames += added.frames;
  written.frame_seconds += added.frame_seconds;
  written.loads += added.loads;
  written.load_seconds += added.load_seconds;
  written.audits += added.audits;
  written.audit_seconds += added.audit_seconds;
}

/// Trusted hardware settles what audits of halves find: where there is none, the unit is given out
/// whole.
Checks Hearing::checks_of_halves() {
  Checks out;
  out.parameters = court_.rules.split;
  out.by = Checks::By::kHalves;
  const double cost = audit_cost(court_.rules, now_->lease, papers_.measures);
  if (std::isfinite(cost)) out.parameters.audits.cost = cost;
  out.cost = out.parameters.audits.cost;
  policy_ = fmt::format("{}, by {} and trusted hardware: an audit costs {:.2g} of a half",
                        court_.rules.text, to_text(out.by), out.cost);
  return out;
}

/// How this unit is checked, by all that is known by now.
Checks Hearing::checks() {
  if (by_halves()) return checks_of_halves();
  Checks out = choose_checks(court_.rules, now_->lease, papers_.measures,
                             court_.few_owners ? court_.few_owners->size() : kManyOwners);
  out.parameters.trusted = court_.trusted && !papers_.ending;
  if (!court_.rules.audits) return out;
  announce(out);
  const std::string whole = whole_because();
  if (out.by != Checks::By::kEqualResults && !whole.empty()) {
    out.parameters = court_.rules.replicated;
    out.parameters.trusted = false;  // it could not, either
    out.by = Checks::By::kReplicas;
    out.reason = whole;
  }
  policy_ = fmt::format("{}, by {}{}: {}", court_.rules.text, to_text(out.by),
                        out.parameters.trusted ? " and trusted hardware" : "", out.reason);
  return out;
}

/// Why this unit is not audited although its job is; empty when it is.
std::string Hearing::whole_because() const {
  if (papers_.ending) return "what is looked at again is rendered again";
  const auto unable = std::ranges::count(papers_.audits, AuditState::kUnable, &FiledAudit::state);
  if (unable >= kMostUnable) return fmt::format("{} auditors could not tell", unable);
  const bool unaudited = std::ranges::any_of(papers_.results, &FiledResult::instead_of_audits);
  return unaudited ? "nobody who was connected could audit it" : "";
}

/// People hear how a job is checked, and when that changes.
void Hearing::announce(const Checks& checks) {
  const std::string chosen = checks.by == Checks::By::kAudits ? "audits" : "replicas";
  if (papers_.measures.chosen == chosen) return;
  papers_.measures.chosen = chosen;
  JobMeasures& written = minutes().measured[now_->lease.job];
  if (std::exchange(written.chosen, chosen) == chosen) return;
  tell(wire::EventKind::checks_chosen, "",
       fmt::format("results are checked by {}: {}", to_text(checks.by), checks.reason));
}

/// The unit's secret: how many audits it gets at least. Drawn with the first order.
std::uint64_t Hearing::first_seed() {
  if (!papers_.audits.empty()) return papers_.audits.front().order.seed;
  if (!first_seed_) first_seed_ = court_.seed();
  return *first_seed_;
}

/// Orders what is missing of these looks. A whole picture has the samples that its scene says,
/// which a manifest need not tell.
void Hearing::order(const Looks& looks, double cost) {
  const std::string& target = papers_.results[looks.target].lease;
  for (auto open = open_of(looks); open < looks.count; ++open) {
    const std::uint64_t seed = papers_.audits.empty() ? first_seed() : court_.seed();
    FiledAudit audit;
    audit.order = {0,
                   target,
                   seed,
                   looks.whole ? 0 : court_.rules.audit_tiles,
                   looks.whole ? std::max(1U, now_->lease.samples) : now_->lease.samples,
                   looks.whole ? 1 : cost,
                   looks.trusted};
    minutes().audit_orders.push_back({now_->lease.unit, audit.order});
    papers_.audits.push_back(std::move(audit));
  }
}

/// By volunteers.
std::size_t Hearing::open_audits(const std::string& target) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(papers_.audits, [&](const FiledAudit& audit) {
        return audit.state == AuditState::kOpen && audit.order.target == target &&
               !audit.order.trusted;
      }));
}

std::size_t Hearing::open_of(const Looks& looks) const {
  const std::string& target = papers_.results[looks.target].lease;
  if (!looks.trusted) return open_audits(target);
  return static_cast<std::size_t>(
      std::ranges::count_if(papers_.audits, [&](const FiledAudit& audit) {
        const auto& order = audit.order;
        return audit.state == AuditState::kOpen && order.trusted && order.whole() == looks.whole &&
               (looks.whole || order.target == target);
      }));
}

/// Nobody waits for these any more.
void Hearing::drop_audits(const std::string& why) {
  for (FiledAudit& audit : papers_.audits) {
    if (audit.state != AuditState::kOpen) continue;
    audit.state = AuditState::kDropped;
    audit.finding = why;
    if (audit.order.id != 0)
      minutes().audit_answers[audit.order.id] = {AuditState::kDropped, "", why, {}};
  }
  std::erase_if(minutes().audit_orders,
                [&](const auto& order) { return order.unit == now_->lease.unit; });
}

bool Hearing::is_accepted() const { return papers_.ending && papers_.ending->accepted; }

/// A frame that was accepted whole says nothing of halves that were handed in before.
bool Hearing::shows_who_was_right(const FiledAudit& audit) {
  const FiledResult* target = result_of(audit.order.target);
  if (!is_accepted() || target == nullptr || !target->half) return true;
  return std::ranges::any_of(papers_.results, [](const FiledResult& result) {
    return result.half && result.judged == "agreed";
  });
}

/// Who was right about a picture earns; who was not is not blamed for it. Of a frame that failed
/// nobody knows who was right.
void Hearing::settle_audits() {
  for (FiledAudit& audit : papers_.audits) {
    if (audit.lease.empty() || audit.order.whole()) continue;
    if (is_answered(audit) && !shows_who_was_right(audit)) continue;
    const FiledResult* target = result_of(audit.order.target);
    const std::string verdict = target == nullptr ? "" : target->judged;
    settle(audit, is_accepted() && ((audit.state == AuditState::kPassed && verdict == "agreed") ||
                                    (audit.state == AuditState::kFailed && verdict == "rejected")));
  }
}

void Hearing::settle(FiledAudit& audit, bool right) {
  const std::string after = right ? "agreed" : is_answered(audit) ? "rejected" : "failed";
  if (after == audit.judged) return;
  if (after == "agreed") minutes().credited.push_back(audit.lease);
  if (audit.judged == "agreed") minutes().reversed.push_back(audit.lease);
  if (is_accepted()) {
    RecordChange& record = minutes().records[audit.owner];
    if (after == "agreed") ++record.agreed;
    if (after == "failed") ++record.failed;
  }
  audit.judged = after;
  minutes().judged[audit.lease] = after;
}

/// "rendered by A, audited by B and C: nothing was found".
std::string Hearing::audit_sentence(const std::vector<std::size_t>& results) const {
  std::vector<std::string> renderers;
  std::vector<std::string> passed;
  std::vector<std::string> failed;
  std::size_t open = 0;
  for (const std::size_t index : results) {
    const FiledResult& result = papers_.results[index];
    renderers.push_back(result.owner);
    open += open_audits(result.lease);
    for (const FiledAudit& audit : papers_.audits) {
      if (audit.order.target != result.lease || !is_answered(audit)) continue;
      auto& names = audit.state == AuditState::kPassed ? passed : failed;
      const std::string name = audit.order.trusted ? "trusted hardware" : audit.owner;
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  std::string out = "rendered by " + listed(renderers);
  if (!passed.empty()) out += ", audited by " + listed(passed) + ": nothing was found";
  if (!failed.empty()) out += ", audited by " + listed(failed) + ": it looks wrong";
  if (open > 0) out += fmt::format("; waiting for {} audit{}", open, open == 1 ? "" : "s");
  const bool trusted = std::ranges::any_of(papers_.audits, [](const FiledAudit& audit) {
    return audit.order.trusted && audit.state == AuditState::kOpen;
  });
  if (trusted) out += "; waiting for trusted hardware";
  return out;
}

}  // namespace worldshare::verifier
