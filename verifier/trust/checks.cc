#include "verifier/trust/checks.h"

#include <fmt/format.h>

#include <limits>

#include "shared/sharding/audit_plan.h"
#include "verifier/policy/job_costs.h"

namespace worldshare::verifier {
namespace {

/// Of a tile, beside its samples: what was measured of 256 of them, docs/benchmarks.md.
constexpr double kTileSeconds = 0.0055;
/// What a manifest asks for when it says nothing: an audit is the second owner's word.
constexpr unsigned kUsualReplicas = 2;

/// Why the unit cannot be audited; empty when it can.
std::string forbidden(const LeaseRecord& lease, const JobMeasures& measured) {
  if (messages::is_part_of_frame(lease.shard)) return "parts of frames are not audited";
  if (lease.policy.replicas > kUsualReplicas) {
    return fmt::format("the manifest asks for {} whole replicas", lease.policy.replicas);
  }
  if (!lease.unauditable.empty()) return "it cannot be audited: " + lease.unauditable;
  if (!measured.unauditable.empty()) return "it cannot be audited: " + measured.unauditable;
  return {};
}

double mean(double sum, unsigned count) { return count == 0 ? 0 : sum / count; }

}  // namespace

double audit_cost(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured) {
  if (rules.audit_cost > 0) return rules.audit_cost;
  const double frame = mean(measured.frame_seconds, measured.frames);
  if (frame <= 0) return std::numeric_limits<double>::infinity();
  const double load = mean(measured.load_seconds, measured.loads);
  if (measured.audits > 0) return (mean(measured.audit_seconds, measured.audits) + load) / frame;
  const messages::FrameSize size{lease.image.width, lease.image.height};
  const auto plan = sharding::plan_audit(0, rules.audit_tiles, lease.samples, size);
  const double pixels = double{sharding::kAuditTileSide} * sharding::kAuditTileSide *
                        static_cast<double>(plan.tiles.size());
  const double samples =
      double{1} * plan.samples / plan.total + pixels / (double{1} * size.width * size.height);
  return samples + (static_cast<double>(plan.tiles.size()) * kTileSeconds + load) / frame;
}

Checks choose_checks(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured) {
  Checks out;
  if (!rules.audits) {
    out.parameters = rules.parameters;
    return out;
  }
  out.parameters = rules.replicated;
  out.reason = forbidden(lease, measured);
  if (!out.reason.empty()) return out;
  out.cost = audit_cost(rules, lease, measured);
  policy::JobCosts costs;
  costs.trusted = costs.splittable = false;
  costs.audit = out.cost;
  out.parameters = policy::for_job(rules.parameters, rules.replicated, costs);
  out.audits = out.parameters.audits.maximum > 0;
  const double frame = mean(measured.frame_seconds, measured.frames);
  out.reason = fmt::format("an audit costs {:.2g} of a frame{}, and {:.2g} of them {}", out.cost,
                           frame > 0 ? fmt::format(" of {:.1f} s", frame) : "",
                           rules.parameters.audits.minimum,
                           out.audits ? "less than another render" : "no less than another render");
  return out;
}

}  // namespace worldshare::verifier
