#include "verifier/trust/evidence.h"

#include "verifier/audit/halves.h"

namespace worldshare::verifier {
namespace {

bool speaks_of_the_bytes(Errc code) {
  return code == Errc::kCorrupt || code == Errc::kInvalid || code == Errc::kDenied;
}

/// Why the bytes are at fault; an error when something else is.
template <class Outcome>
Result<std::optional<std::string>> fault(const Outcome& outcome) {
  if (outcome) return std::nullopt;
  if (speaks_of_the_bytes(outcome.error().code)) return outcome.error().message;
  // It was there when it was examined: what fails now is the store, not the agent.
  return fail(Errc::kUnavailable, outcome.error().message);
}

/// Why the artifacts of a pair do not decode; empty where they do.
struct Flaws {
  std::string a;
  std::string b;
  bool any() const { return !a.empty() || !b.empty(); }
};

template <class Pair>
Result<Flaws> flaws_of(const Pair& pair) {
  const auto a = fault(pair.a);
  if (!a) return std::unexpected(a.error());
  const auto b = fault(pair.b);
  if (!b) return std::unexpected(b.error());
  return Flaws{a->value_or(""), b->value_or("")};
}

}  // namespace

Result<std::optional<std::string>> Evidence::examine(const std::string& artifact,
                                                     const ImageLimits& limits) {
  return fault(artifacts_.examine(artifact, limits));
}

Result<std::optional<std::string>> Evidence::prove(const std::string& artifact,
                                                   const ImageLimits& limits) {
  return fault(artifacts_.prove(artifact, limits));
}

Result<Exhibit> Evidence::compare(const std::string& a,
                                  const std::string& b,
                                  const ImageLimits& limits) {
  if (a == b) return Exhibit{identical(Method::kSameBlob), {}, {}};
  const auto known = aids_.cache != nullptr ? aids_.cache->find(a, b) : std::nullopt;
  if (known) return Exhibit{judged(*known, tolerance_), {}, {}};
  return limits.frames > 1 ? compare_bundles(a, b, limits) : compare_pixels(a, b, limits);
}

Result<Exhibit> Evidence::compare_halves(const std::string& a,
                                         const std::string& b,
                                         const ImageLimits& limits) {
  Exhibit out{identical(Method::kHalves), {}, {}};
  if (a == b) return out;
  const auto pair = artifacts_.get_pair(a, b, limits);
  if (!pair) return fail(Errc::kUnavailable, pair.error().message);
  if (pair->same_payload) return out;
  const auto flaws = flaws_of(*pair);
  if (!flaws) return std::unexpected(flaws.error());
  out.flaw_a = flaws->a;
  out.flaw_b = flaws->b;
  out.comparison.agree = false;
  if (flaws->any()) return out;
  const auto figures = verifier::compare_halves(*pair->a, *pair->b);
  out.comparison.agree = figures && difference_found(*figures).empty();
  return out;
}

Result<AuditExhibit> Evidence::audit(const std::string& claim,
                                     const std::string& audit,
                                     const ImageLimits& limits,
                                     const sharding::AuditPlan& plan) {
  AuditExhibit out;
  out.figures.tiles = static_cast<std::uint32_t>(plan.tiles.size());
  if (claim == audit) return out;
  const auto pair = artifacts_.get_pair(claim, audit, limits);
  if (!pair) return fail(Errc::kUnavailable, pair.error().message);
  if (pair->same_payload) return out;
  const auto flaws = flaws_of(*pair);
  if (!flaws) return std::unexpected(flaws.error());
  out.flaw_claim = flaws->a;
  out.flaw_audit = flaws->b;
  if (flaws->any()) return out;
  const auto figures = examine_audit(*pair->a, *pair->b, plan);
  if (figures) {
    out.figures = *figures;
  } else {
    out.flaw_audit = figures.error().message;
  }
  return out;
}

std::string Evidence::lpips_network() const {
  return aids_.lpips != nullptr ? aids_.lpips->network() : "";
}

Result<Exhibit> Evidence::compare_pixels(const std::string& a,
                                         const std::string& b,
                                         const ImageLimits& limits) {
  const auto pair = artifacts_.get_pair(a, b, limits);
  if (!pair) return fail(Errc::kUnavailable, pair.error().message);
  auto exhibit = compare_pair(*pair);
  if (exhibit && !pair->same_payload) remember(a, b, exhibit->comparison);
  return exhibit;
}

Result<Exhibit> Evidence::compare_bundles(const std::string& a,
                                          const std::string& b,
                                          const ImageLimits& limits) {
  std::optional<Exhibit> worst;
  std::size_t frame = 0;
  const auto done = artifacts_.get_pairs(a, b, limits, [&](const ArtifactPair& pair) -> Result<> {
    ++frame;
    auto exhibit = compare_pair(pair);
    if (!exhibit) return std::unexpected(exhibit.error());
    for (auto& flaw : {&exhibit->flaw_a, &exhibit->flaw_b}) {
      if (!flaw->empty()) *flaw = "picture " + std::to_string(frame) + ": " + *flaw;
    }
    if (!worst) {
      worst = std::move(*exhibit);
    } else {
      worst->comparison = worse_of(worst->comparison, exhibit->comparison);
      if (worst->flaw_a.empty()) worst->flaw_a = exhibit->flaw_a;
      if (worst->flaw_b.empty()) worst->flaw_b = exhibit->flaw_b;
    }
    return {};
  });
  if (!done) return fail(Errc::kUnavailable, done.error().message);
  if (worst->comparison.method == Method::kMetrics) remember(a, b, worst->comparison);
  return *worst;
}

void Evidence::remember(const std::string& a, const std::string& b, const Comparison& comparison) {
  const bool of_one_shape = comparison.method != Method::kIncomparable;
  if (aids_.cache != nullptr && of_one_shape) aids_.cache->keep(a, b, comparison);
}

Result<Exhibit> Evidence::compare_pair(const ArtifactPair& pair) {
  if (pair.same_payload) return Exhibit{identical(Method::kSamePixels), {}, {}};
  const auto flaws = flaws_of(pair);
  if (!flaws) return std::unexpected(flaws.error());
  if (flaws->any()) return Exhibit{{}, flaws->a, flaws->b};
  auto comparison = verifier::compare(metrics_, *pair.a, *pair.b, tolerance_);
  if (!comparison) return std::unexpected(comparison.error());
  if (aids_.lpips != nullptr && disputed(*comparison, tolerance_)) {
    comparison->lpips = aids_.lpips->distance(*pair.a, *pair.b);
  }
  return Exhibit{*comparison, {}, {}};
}

Result<std::vector<StoredImage>> Evidence::unpack(const std::string& artifact,
                                                  const ImageLimits& limits) {
  auto images = artifacts_.unpack(artifact, limits);
  if (!images) return fail(Errc::kUnavailable, images.error().message);
  return images;
}

}  // namespace worldshare::verifier
