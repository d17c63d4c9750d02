#include "verifier/trust/examination.h"

#include "shared/crypto.h"

namespace worldshare::verifier {
namespace {

Finding is_void(std::string why) { return {Finding::Outcome::kVoid, std::move(why)}; }

/// Empty when the claim is in order.
std::string wrong_with_claim(const wire::ResultT& result, const LeaseRecord& lease) {
  if (!result.artifact || !is_sha256_hex(result.artifact->sha256)) return "it names no artifact";
  if (lease.committed_sha256.empty()) return "its artifact was never committed to";
  const auto& artifact = *result.artifact;
  if (artifact.sha256 != lease.committed_sha256 || artifact.size_bytes != lease.committed_bytes) {
    return "its artifact is not the one that was committed to";
  }
  return {};
}

/// Empty when the artifact is in the store; an error when that cannot be found out now.
Result<std::string> wrong_with_upload(const wire::ArtifactT& artifact,
                                      const std::string& lease,
                                      const blobs::Store& store) {
  const auto admitted = store.admit(artifact.sha256, artifact.size_bytes, lease);
  if (admitted) return "";
  if (admitted.error().code == Errc::kNotFound) return "its artifact was not uploaded";
  if (admitted.error().code == Errc::kCorrupt)
    return "what was uploaded is not the artifact that was committed to";
  return fail(Errc::kUnavailable, admitted.error().message);
}

}  // namespace

Result<Finding> examine(const wire::ResultT& result, const LeaseRecord& lease, Evidence& evidence) {
  if (result.outcome == wire::Outcome::failed) return Finding{Finding::Outcome::kFailed, {}};
  const std::string wrong = wrong_with_claim(result, lease);
  if (!wrong.empty()) return is_void(wrong);
  const auto missing = wrong_with_upload(*result.artifact, lease.lease, evidence.store());
  if (!missing) return std::unexpected(missing.error());
  if (!missing->empty()) return is_void(*missing);
  const auto fault = evidence.examine(result.artifact->sha256, lease.image);
  if (!fault) return std::unexpected(fault.error());
  return *fault ? is_void(**fault) : Finding{Finding::Outcome::kRendered, {}};
}

}  // namespace worldshare::verifier
