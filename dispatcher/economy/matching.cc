#include <algorithm>
#include <array>

#include "dispatcher/economy/economy.h"
#include "dispatcher/economy/frame_order.h"
#include "shared/ids.h"
#include "shared/messages/manifest.h"
#include "shared/sharding/division.h"
#include "shared/sharding/shard_plan.h"

// Who gets what.

namespace worldshare::dispatcher {
namespace {

/// Two render a half each, three or four audit each of these; nobody has two says.
constexpr std::size_t kOwnersOfHalves = 10;

/// In renders of a whole unit.
double cost_of(const Lease& lease) {
  if (lease.audit) return std::min(1.0, lease.audit->cost);
  return lease.half ? 0.5 : 1;
}

/// The job's entry, moved to the end of the list.
std::vector<JobProgress>::iterator progress_of(Grants& grants, const std::string& job) {
  auto& all = grants.progress;
  const auto known = std::ranges::find(all, job, &JobProgress::job);
  if (known == all.end()) {
    all.push_back({job, 0, {}, {}});
  } else {
    std::iter_swap(known, all.end() - 1);
  }
  return all.end() - 1;
}

}  // namespace

void Economy::advance() {
  roster_.mark_silent(now_);
  look_at_needs();
  look_at_stragglers();
  look_at_audits();
  while (!held_.empty() && held_.begin()->first <= now_) {
    const UnitId id = held_.begin()->second;
    held_.erase(held_.begin());
    if (OpenUnit* unit = find_unit(id)) relist(*unit);
  }
}

/// Those of the next unit: one that the artist wants now, or else up to `most` of those that
/// follow, as long as they are neighbours.
std::vector<std::int32_t> Economy::next_frames(OpenJob& open, std::uint32_t most) {
  Job& job = open.job;
  if (!job.first.empty()) {
    const std::int32_t frame = job.first.front();
    job.first.erase(job.first.begin());
    job.early.insert(frame);
    return {frame};
  }
  const auto next = [&] {
    return messages::frame_number(job.manifest, frame_at(job.position, job.ordered));
  };
  std::vector<std::int32_t> frames;
  do {
    frames.push_back(next());
    ++job.position;
  } while (frames.size() < most && job.position < open.total && !job.early.contains(next()) &&
           next() == frames.back() + job.manifest.frames->step);
  return frames;
}

/// Of its next frame, as its cost looks now.
sharding::Division Economy::division_of(const OpenJob& open) {
  return sharding::choose_division(open.job.manifest, open.cost->cost()).division;
}

/// Guided self-scheduling: of what is left each seat's share is given out in two halves, so that
/// large units come first, small ones last, and nobody waits for one long unit in the end.
std::uint32_t Economy::frames_a_unit(const OpenJob& open,
                                     const sharding::Division& division) const {
  if (division.frames == 1) return 1;
  std::size_t free = 0;
  for (const ClassId capability : roster_.book().able(open.need))
    free += roster_.seats().size(capability);
  const std::size_t replicas = std::max<std::size_t>(1, open.job.manifest.policy->replicas);
  const std::size_t at_once = std::max<std::size_t>(1, free / replicas + open.units.size());
  const std::size_t left = open.total - open.job.position;
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(left / (2 * at_once), 1, division.frames));
}

/// Whether two owners render half of the next frame's samples each. Halves are judged only where
/// trusted hardware settles their audits, and where enough others can do these.
bool Economy::splits(const OpenJob& open, const sharding::Division& division) const {
  const auto able = roster_.book().able(open.need);
  return options_.split_samples && division.parts() == 1 && division.frames == 1 &&
         sharding::can_be_halved(open.job.manifest, open.cost->cost()) && has_trusted(able) &&
         enough_for_halves(able);
}

/// Of owners who are connected, busy or not.
bool Economy::enough_for_halves(std::span<const ClassId> classes) const {
  std::set<OwnerId> owners;
  for (const ClassId capability : classes) {
    for (const auto& [owner, agents] : roster_.owners(capability)) {
      owners.insert(owner);
      if (owners.size() >= kOwnersOfHalves) return true;
    }
  }
  return false;
}

/// Where halves could not be judged the unit is given out whole, and stays so.
bool Economy::takes_halves(const OpenUnit& unit) {
  return unit.split && !unit.unaudited && unit.opinions.size() == unit.halves.size();
}

/// The half of which a split unit has fewer. Instead of a straggler's another one is wanted.
std::uint32_t Economy::missing_half(const OpenUnit& unit) const {
  std::array<std::size_t, 2> counts{};
  for (const auto& [lease, half] : unit.halves) ++counts.at(half);
  for (const auto& id : unit.leases) {
    const Lease& lease = leases_.at(id);
    if (lease.half && !lease.audit && !lease.straggling) ++counts.at(*lease.half);
  }
  return counts[1] < counts[0] ? 1 : 0;
}

Economy::OpenUnit& Economy::open_unit(OpenJob& open, const Unit& unit, Grants& grants) {
  open.units.insert(unit.id);
  grants.units.push_back(unit);
  OpenUnit& made = units_[unit.id];
  static_cast<Unit&>(made) = unit;
  made.job_id = open.id;
  return made;
}

/// All units of the next frame at once, so that a frame is never half made, or one unit of several
/// frames; the first of them.
Economy::OpenUnit* Economy::open_frame(OpenJob& open, Grants& grants) {
  Job& job = open.job;
  const auto skip_early = [&] {
    while (job.position < open.total &&
           job.early.erase(
               messages::frame_number(job.manifest, frame_at(job.position, job.ordered))) > 0) {
      ++job.position;
    }
  };
  if (job.first.empty()) skip_early();
  const bool has_frame = !job.first.empty() || job.position < open.total;
  sharding::Division division = division_of(open);
  if (!has_frame || unit_ids_.size() < division.parts()) return nullptr;
  const auto progress = progress_of(grants, job.id);
  Unit unit;
  unit.job = job.id;
  unit.preferred = !job.first.empty();
  unit.wanted = options_.pair_after_commit ? 1 : job.manifest.policy->replicas;
  const auto frames = next_frames(open, frames_a_unit(open, division));
  unit.split = splits(open, division);
  unit.parts = unit.split ? 2 : division.parts();
  division.frames = static_cast<std::uint32_t>(frames.size());
  const sharding::ShardPlan plan(job.manifest, division,
                                 messages::frame_index(job.manifest, frames.front()));
  progress->position = job.position;
  progress->made.insert(progress->made.end(), frames.begin(), frames.end());
  progress->early.assign(job.early.begin(), job.early.end());
  OpenUnit* first = nullptr;
  for (std::uint32_t part = 0; part < division.parts(); ++part) {
    unit.id = unit_ids_.back();
    unit_ids_.pop_back();
    unit.shard = plan.at(part);
    OpenUnit& made = open_unit(open, unit, grants);
    if (first == nullptr) {
      first = &made;
    } else {
      relist(made);
    }
  }
  return first;
}

Economy::OpenUnit* Economy::choose_unit(OpenJob& job) {
  const auto classes = roster_.book().able(job.need);
  const auto best =
      job.wanting.first([&](const auto& useless) { return roster_.seats().any(classes, useless); });
  return best ? find_unit(best->second) : nullptr;
}

std::optional<Seat> Economy::choose_seat(const OpenJob& job, const OpenUnit& unit) {
  const auto classes = roster_.book().able(job.need);
  const SeatIndex& seats = roster_.seats();
  // Best first: renders as the others of this unit do, has the scene and gave no void result here;
  // then without the scene; then any class; then the void owners.
  const auto useless = united(unit.owners, unit.void_owners);
  std::optional<Seat> seat;
  if (!unit.render_class.empty()) {
    const auto alike = roster_.book().alike(job.need, unit.render_class);
    seat = seats.draw(alike, job.scene, useless, draw_);
    if (!seat) seat = seats.draw(alike, std::nullopt, useless, draw_);
  }
  if (!seat) seat = seats.draw(classes, job.scene, useless, draw_);
  if (!seat) seat = seats.draw(classes, std::nullopt, useless, draw_);
  if (!seat) seat = seats.draw(classes, std::nullopt, unit.owners, draw_);
  return seat;
}

Lease Economy::make_lease(const OpenUnit& unit, Seat seat) const {
  const Node& node = roster_.node(seat.node);
  Lease lease;
  lease.id = new_id();
  lease.unit = unit.id;
  lease.job = unit.job;
  lease.agent = node.agent;
  lease.owner = owners_.name(node.owner);
  lease.slot = seat.slot;
  lease.granted_at = now_;
  lease.sent_at = now_;
  lease.expires_at = now_ + options_.lease_initial;
  lease.stored_expiry = lease.expires_at;
  return lease;
}

/// False when it could not: there are no ids for new units.
bool Economy::serve(const JobQueue::Pick& pick, Grants& grants) {
  OpenJob& job = jobs_.at(pick.job);
  OpenUnit* unit = job.job.first.empty() ? choose_unit(job) : nullptr;
  if (unit == nullptr) unit = open_frame(job, grants);
  const AuditOrder* audit = unit == nullptr ? nullptr : next_audit(*unit);
  const auto seat = unit == nullptr    ? std::nullopt
                    : audit == nullptr ? choose_seat(job, *unit)
                                       : choose_auditor(job, *unit, *audit);
  if (!seat) {
    // A range that ends with frames made early has nothing more to open.
    requeue(job);
    return unit == nullptr && unit_ids_.size() >= division_of(job).parts();
  }
  grant(pick, *unit, *seat, audit, grants);
  return true;
}

void Economy::grant(const JobQueue::Pick& pick,
                    OpenUnit& unit,
                    Seat seat,
                    const AuditOrder* audit,
                    Grants& grants) {
  Lease lease = make_lease(unit, seat);
  if (audit != nullptr) {
    lease.take(*audit);
  } else {
    lease.instead_of_audits = unit.unaudited;
    if (takes_halves(unit)) lease.half = missing_half(unit);
    if (unit.render_class.empty())
      unit.render_class = roster_.book().render_class(*roster_.capability(seat));
  }
  queue_.charge(pick, cost_of(lease));
  hand_out(std::move(lease), grants);
  const auto hold = static_cast<std::uint64_t>(options_.sibling_hold.count());
  if (hold > 0) unit.held_until = now_ + std::chrono::milliseconds(draw_(hold + 1));
  relist(unit);
}

void Economy::hand_out(Lease lease, Grants& grants) {
  grants.leases.push_back(lease);
  ++counters_.granted;
  insert_lease(std::move(lease));
}

Grants Economy::match(Clock::TimePoint now, std::size_t limit) {
  Grants grants;
  now_ = now;
  advance();
  serve_trusted(limit, grants);
  const auto servable = [this](const Demand& demand) {
    return roster_.seats().any(roster_.book().able(demand.need), demand.excluded);
  };
  while (grants.leases.size() < limit && roster_.seats().size() > 0) {
    const auto pick = queue_.pick(now, servable);
    if (!pick || !serve(*pick, grants)) break;
  }
  return grants;
}

}  // namespace worldshare::dispatcher
