#include "verifier/trust/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "shared/sharding/audit_plan.h"
#include "shared/sharding/cost_estimate.h"
#include "verifier/policy/job_costs.h"

namespace worldshare::verifier {
namespace {

/// Of a tile, beside its samples: what was measured of 256 of them, docs/benchmarks.md.
constexpr double kTileSeconds = 0.0055;
/// What a manifest asks for when it says nothing: an audit is the second owner's word.
constexpr unsigned kUsualReplicas = 2;
/// So many owners who agree are believed although nothing is known of them.
constexpr unsigned kStrangers = 4;

std::string connected(std::size_t owners) {
  return fmt::format("only {} owner{} connected", owners, owners == 1 ? " is" : "s are");
}

/// Why the unit cannot be audited; empty when it can.
std::string forbidden(const Rules& rules,
                      const LeaseRecord& lease,
                      const JobMeasures& measured,
                      std::size_t owners) {
  if (lease.policy.replicas > kUsualReplicas) {
    return fmt::format("the manifest asks for {} whole replicas", lease.policy.replicas);
  }
  if (!lease.unauditable.empty()) return "it cannot be audited: " + lease.unauditable;
  if (!measured.unauditable.empty()) return "it cannot be audited: " + measured.unauditable;
  // Who audited a unit does not render it: a frame in dispute needs others.
  if (owners < rules.audit_owners)
    return fmt::format("{}, and audits want {}", connected(owners), rules.audit_owners);
  return {};
}

double mean(double sum, unsigned count) { return count == 0 ? 0 : sum / count; }

/// A render of this frame or part; 0 when nothing is known of its job's.
double unit_seconds(const LeaseRecord& lease, const JobMeasures& measured) {
  return mean(measured.frame_seconds, measured.frames) *
         sharding::share_of_frame(lease.shard, lease.frame_size);
}

}  // namespace

double audit_cost(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured) {
  if (rules.audit_cost > 0) return rules.audit_cost;
  const double unit = unit_seconds(lease, measured);
  if (unit <= 0) return std::numeric_limits<double>::infinity();
  const double load = mean(measured.load_seconds, measured.loads);
  if (measured.audits > 0) return (mean(measured.audit_seconds, measured.audits) + load) / unit;
  const auto plan =
      sharding::plan_audit(0, rules.audit_tiles, lease.samples, lease.shard, lease.frame_size);
  const double pixels = double{sharding::kAuditTileSide} * sharding::kAuditTileSide *
                        static_cast<double>(plan.tiles.size());
  const double samples = double{1} * plan.samples / plan.total +
                         pixels / (double{1} * lease.image.width * lease.image.height);
  return samples + (static_cast<double>(plan.tiles.size()) * kTileSeconds + load) / unit;
}

std::string to_text(Checks::By by) {
  switch (by) {
    case Checks::By::kReplicas: return "whole replicas";
    case Checks::By::kAudits: return "audits";
    case Checks::By::kHalves: return "halves";
    case Checks::By::kEqualResults: return "equal results";
  }
  return "";
}

Checks choose_checks(const Rules& rules,
                     const LeaseRecord& lease,
                     const JobMeasures& measured,
                     std::size_t owners) {
  Checks out;
  if (!rules.audits) {
    out.parameters = rules.parameters;
    return out;
  }
  if (owners < std::min(kStrangers, rules.audit_owners)) {
    out.parameters = rules.few;
    out.by = Checks::By::kEqualResults;
    out.reason = connected(owners);
    return out;
  }
  out.parameters = rules.replicated;
  out.reason = rules.parameters.mode == policy::Mode::kSplit
                   ? "its replicas are no halves"
                   : forbidden(rules, lease, measured, owners);
  if (!out.reason.empty()) return out;
  out.cost = audit_cost(rules, lease, measured);
  policy::JobCosts costs;
  costs.trusted = costs.splittable = false;
  costs.audit = out.cost;
  out.parameters = policy::for_job(rules.parameters, rules.replicated, costs);
  const bool audits = out.parameters.audits.maximum > 0;
  if (audits) out.by = Checks::By::kAudits;
  const char* what = messages::is_part_of_frame(lease.shard) ? "part" : "frame";
  const double unit = unit_seconds(lease, measured);
  out.reason = fmt::format("an audit costs {:.2g} of a {}{}, and {:.2g} of them {}", out.cost, what,
                           unit > 0 ? fmt::format(" of {:.1f} s", unit) : "",
                           rules.parameters.audits.minimum,
                           audits ? "less than another render" : "no less than another render");
  return out;
}

}  // namespace worldshare::verifier
