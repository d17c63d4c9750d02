#include "verifier/trust/evidence.h"

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
  const auto same = artifacts_.same_payload(a, b, limits);
  if (!same) return fail(Errc::kUnavailable, same.error().message);
  if (*same) return Exhibit{identical(Method::kSamePixels), {}, {}};
  const auto known = aids_.cache != nullptr ? aids_.cache->find(a, b) : std::nullopt;
  if (known) return Exhibit{judged(*known, tolerance_), {}, {}};
  return compare_pixels(a, b, limits);
}

std::string Evidence::lpips_network() const {
  return aids_.lpips != nullptr ? aids_.lpips->network() : "";
}

Result<Exhibit> Evidence::compare_pixels(const std::string& a,
                                         const std::string& b,
                                         const ImageLimits& limits) {
  const auto left = artifacts_.get(a, limits);
  const auto flaw_a = fault(left);
  if (!flaw_a) return std::unexpected(flaw_a.error());
  const auto right = artifacts_.get(b, limits);
  const auto flaw_b = fault(right);
  if (!flaw_b) return std::unexpected(flaw_b.error());
  if (*flaw_a || *flaw_b) return Exhibit{{}, flaw_a->value_or(""), flaw_b->value_or("")};
  auto comparison = verifier::compare(metrics_, *left, *right, tolerance_);
  if (!comparison) return std::unexpected(comparison.error());
  if (aids_.lpips != nullptr && disputed(*comparison, tolerance_)) {
    comparison->lpips = aids_.lpips->distance(*left, *right);
  }
  const bool of_one_shape = comparison->method != Method::kIncomparable;
  if (aids_.cache != nullptr && of_one_shape) aids_.cache->keep(a, b, *comparison);
  return Exhibit{*comparison, {}, {}};
}

}  // namespace worldshare::verifier
