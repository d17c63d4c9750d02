#include <algorithm>

#include "dispatcher/economy/economy.h"

// Who audits what, and what trusted hardware gets.

namespace worldshare::dispatcher {
namespace {

/// Auditors are drawn from among so many, and the one is taken of whom the least ill is believed.
constexpr int kCandidates = 3;
/// Who is believed to cheat with at least this probability audits nobody: audits.auditor_malice.
constexpr double kDoubted = 0.25;
/// Of whom nothing is known: population.malicious_share of the trust engine's policies.
constexpr double kNewcomer = 0.1;

}  // namespace

/// Whether an owner who is connected, busy or not, is able and none of these.
bool Economy::anybody_could(const OpenJob& job, const std::vector<OwnerId>& useless) const {
  const auto is_useful = [&](const auto& owner) {
    return !std::ranges::binary_search(useless, owner.first);
  };
  return std::ranges::any_of(roster_.book().able(job.need), [&](ClassId capability) {
    return std::ranges::any_of(roster_.owners(capability), is_useful);
  });
}

/// Whether trusted hardware of one of these classes is connected, busy or not.
bool Economy::has_trusted(std::span<const ClassId> classes) const {
  return std::ranges::any_of(
      classes, [&](ClassId capability) { return !roster_.trusted_owners(capability).empty(); });
}

/// Whether an owner of trusted hardware who is connected, busy or not, is able.
bool Economy::trusted_could(const OpenJob& job,
                            const OpenUnit& unit,
                            const AuditOrder& order) const {
  return has_trusted(trusted_classes(job, unit, order));
}

/// Whether an audit waits that nobody who is connected could do.
bool Economy::lacks_auditors(const OpenJob& job, const OpenUnit& unit) const {
  const AuditOrder* audit = next_audit(unit);
  if (audit != nullptr && !anybody_could(job, useless(unit, audit))) return true;
  return std::ranges::any_of(unserved(unit, true), [&](const AuditOrder* order) {
    return !trusted_could(job, unit, *order);
  });
}

/// What nobody can audit is rendered again, where somebody can do that.
void Economy::look_at_audits() {
  while (!audits_due_.empty() && audits_due_.begin()->first <= now_) {
    OpenUnit& unit = units_.at(audits_due_.begin()->second);
    time_audits(unit, false);
    const OpenJob& job = jobs_.at(unit.job_id);
    unit.unaudited = lacks_auditors(job, unit) && anybody_could(job, unit.owners);
    if (unit.unaudited) ++counters_.unaudited;
    relist(unit);
  }
}

void Economy::set_malice(const std::string& name, double malice) {
  const OwnerId owner = owners_.number(name);
  malice_[owner] = malice;
  const std::size_t before = doubted_.size();
  if (malice >= kDoubted) {
    insert(doubted_, owner);
  } else {
    std::erase(doubted_, owner);
  }
  if (doubted_.size() == before) return;
  for (auto& [id, unit] : units_) {
    if (!unit.audits.empty()) relist(unit);
  }
}

void Economy::set_trusted(const std::string& owner, bool trusted) {
  roster_.set_trusted(owners_.number(owner), trusted);
}

double Economy::malice(OwnerId owner) const {
  const auto found = malice_.find(owner);
  return found == malice_.end() ? kNewcomer : found->second;
}

/// Of a few seats of different owners, drawn at random.
std::optional<Seat> Economy::most_trusted(std::span<const ClassId> classes,
                                          std::optional<SceneId> scene,
                                          std::vector<OwnerId> excluded) {
  std::optional<Seat> best;
  double least = 0;
  for (int drawn = 0; drawn < kCandidates; ++drawn) {
    const auto seat = roster_.seats().draw(classes, scene, excluded, draw_);
    if (!seat) break;
    const OwnerId owner = roster_.node(seat->node).owner;
    if (!best || malice(owner) < least) {
      best = seat;
      least = malice(owner);
    }
    insert(excluded, owner);
  }
  return best;
}

/// How the maker of what is audited renders; nothing where that is not known.
std::optional<std::string> Economy::class_of_audited(const OpenUnit& unit,
                                                     const AuditOrder& audit) const {
  const auto node = roster_.find(audit.agent);
  const auto capability = node ? roster_.capability({*node, audit.slot}) : std::nullopt;
  if (capability) return roster_.book().render_class(*capability);
  return unit.render_class.empty() ? std::nullopt : std::optional(unit.render_class);
}

/// Who renders as the audited one does can tell whether its picture is right, and who has the scene
/// does it for a fraction of a render.
std::optional<Seat> Economy::choose_auditor(const OpenJob& job,
                                            const OpenUnit& unit,
                                            const AuditOrder& audit) {
  const auto excluded = useless(unit, &audit);
  const auto like = class_of_audited(unit, audit).value_or("");
  const auto alike = roster_.book().alike(job.need, like);
  const auto able = roster_.book().able(job.need);
  const auto useless = united(excluded, unit.void_owners);
  std::optional<Seat> seat;
  for (const std::span<const ClassId> classes : {std::span<const ClassId>(alike), able}) {
    if (!seat) seat = most_trusted(classes, job.scene, useless);
    if (!seat) seat = most_trusted(classes, std::nullopt, useless);
  }
  if (!seat) seat = most_trusted(able, std::nullopt, excluded);
  return seat;
}

/// That can do an order for trusted hardware. Tiles can only be held against a result that was
/// rendered alike; a whole picture is a picture of its own.
std::vector<ClassId> Economy::trusted_classes(const OpenJob& job,
                                              const OpenUnit& unit,
                                              const AuditOrder& order) const {
  const auto able = roster_.book().able(job.need);
  if (order.whole()) return {able.begin(), able.end()};
  const auto like = class_of_audited(unit, order);
  return like ? roster_.book().alike(job.need, *like) : std::vector<ClassId>{};
}

std::optional<Seat> Economy::choose_trusted(const OpenJob& job,
                                            const OpenUnit& unit,
                                            const AuditOrder& order) {
  const auto classes = trusted_classes(job, unit, order);
  const SeatIndex& seats = roster_.trusted_seats();
  const auto seat = seats.draw(classes, job.scene, {}, draw_);
  return seat ? seat : seats.draw(classes, std::nullopt, {}, draw_);
}

/// Nothing of the tenant's share: it takes no volunteer's time.
void Economy::grant_trusted(OpenUnit& unit, Seat seat, const AuditOrder& order, Grants& grants) {
  Lease lease = make_lease(unit, seat);
  lease.take(order);
  queue_.in_work(jobs_.at(unit.job_id).tenant, 1);
  ++counters_.trusted;
  hand_out(std::move(lease), grants);
  relist(unit);
}

/// Who has waited longest goes first.
void Economy::serve_trusted(std::size_t limit, Grants& grants) {
  const auto full = [&] {
    return grants.leases.size() >= limit || roster_.trusted_seats().size() == 0;
  };
  for (auto next = trusted_waits_.begin(); next != trusted_waits_.end() && !full();) {
    OpenUnit& unit = units_.at(next->second);
    ++next;  // a grant may end the wait
    const OpenJob& job = jobs_.at(unit.job_id);
    if (job.job.paused) continue;
    for (const AuditOrder* order : unserved(unit, true)) {
      if (full()) return;
      const auto seat = choose_trusted(job, unit, *order);
      if (seat) grant_trusted(unit, *seat, *order, grants);
    }
  }
}

}  // namespace worldshare::dispatcher
