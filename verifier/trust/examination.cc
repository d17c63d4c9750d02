#include "verifier/trust/examination.h"

#include "shared/crypto.h"

namespace worldshare::verifier {
namespace {

Finding is_void(std::string why) { return {Finding::Outcome::kVoid, std::move(why)}; }

/// Empty when the claim is in order.
std::string wrong_with_claim(const wire::ResultT& result,
                             const LeaseRecord& lease,
                             const blobs::Store& store) {
  if (!result.artifact || !is_sha256_hex(result.artifact->sha256)) return "it names no artifact";
  if (lease.committed_sha256.empty()) return "its artifact was never committed to";
  const auto& artifact = *result.artifact;
  if (artifact.sha256 != lease.committed_sha256 || artifact.size_bytes != lease.committed_bytes) {
    return "its artifact is not the one that was committed to";
  }
  const auto size = store.size(artifact.sha256);
  if (!size) return "its artifact was not uploaded";
  if (*size != artifact.size_bytes) return "its artifact has another size than was committed to";
  return {};
}

}  // namespace

Result<Finding> examine(const wire::ResultT& result, const LeaseRecord& lease, Evidence& evidence) {
  if (result.outcome == wire::Outcome::failed) return Finding{Finding::Outcome::kFailed, {}};
  const std::string wrong = wrong_with_claim(result, lease, evidence.store());
  if (!wrong.empty()) return is_void(wrong);
  const auto fault = evidence.examine(result.artifact->sha256, lease.image);
  if (!fault) return std::unexpected(fault.error());
  return *fault ? is_void(**fault) : Finding{Finding::Outcome::kRendered, {}};
}

}  // namespace worldshare::verifier
