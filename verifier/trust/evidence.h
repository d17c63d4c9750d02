#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/result.h"
#include "verifier/audit/audit.h"
#include "verifier/consensus/agreement.h"
#include "verifier/image/artifacts.h"
#include "verifier/lpips_on_demand.h"
#include "verifier/metrics/metrics.h"
#include "verifier/metrics_cache.h"

namespace worldshare::verifier {

/// Two artifacts, and what their comparison showed. Whether they agree is for who knows what
/// rendered them: judged().
struct Exhibit {
  Comparison comparison;
  /// Why an artifact does not decode; empty when it does, or when nobody needed to know.
  std::string flaw_a;
  std::string flaw_b;
};

/// A picture and an audit of it, and what that showed.
struct AuditExhibit {
  AuditFigures figures;
  /// Why an artifact does not decode, or says nothing of the other; empty when both do.
  std::string flaw_claim;
  std::string flaw_audit;
};

/// What there may be or not.
struct EvidenceAids {
  MetricsCache* cache = nullptr;
  LpipsOnDemand* lpips = nullptr;
};

/// What can be found out about artifacts, cheapest first, so that pixels are made only of those
/// that differ:
///  1. examine(): structure, when a result arrives;
///  2. compare(): one blob, the same compressed pixels, what was measured before, and only then
///     decoded pixels, metrics and, of what is disputed, LPIPS;
///  3. prove(): before an artifact becomes an output on one owner's word.
/// Thread-safe; the referenced objects must outlive it.
class Evidence {
 public:
  /// `tolerance`: beyond it, or near it, a pair is disputed and LPIPS is asked for.
  Evidence(Artifacts& artifacts,
           Metrics& metrics,
           const Tolerance& tolerance,
           const EvidenceAids& aids = {})
      : artifacts_(artifacts), metrics_(metrics), tolerance_(tolerance), aids_(aids) {}

  const blobs::Store& store() const { return artifacts_.store(); }
  /// Nothing when the artifact's structure is what `limits` ask for, else why it is not. Errors
  /// mean that this could not be found out now.
  Result<std::optional<std::string>> examine(const std::string& artifact,
                                             const ImageLimits& limits);
  /// Nothing when it decodes, else why not. Errors as examine().
  Result<std::optional<std::string>> prove(const std::string& artifact, const ImageLimits& limits);
  /// Of two artifacts that passed examine(). Of bundles each pair of frames is compared, and the
  /// worst counts. Errors as examine().
  Result<Exhibit> compare(const std::string& a, const std::string& b, const ImageLimits& limits);
  /// Of the two halves of a frame's samples, which passed examine(): agree when they show the same.
  /// Errors as examine().
  Result<Exhibit> compare_halves(const std::string& a,
                                 const std::string& b,
                                 const ImageLimits& limits);
  /// Of a picture and an audit of it, which both passed examine(). Errors as examine().
  Result<AuditExhibit> audit(const std::string& claim,
                             const std::string& audit,
                             const ImageLimits& limits,
                             const sharding::AuditPlan& plan);
  /// The pictures of a bundle that passed examine(), as blobs of their own. Errors as examine().
  Result<std::vector<StoredImage>> unpack(const std::string& artifact, const ImageLimits& limits);
  /// Of the distances in comparisons; empty when there are none.
  std::string lpips_network() const;

 private:
  Result<Exhibit> compare_pixels(const std::string& a,
                                 const std::string& b,
                                 const ImageLimits& limits);
  Result<Exhibit> compare_bundles(const std::string& a,
                                  const std::string& b,
                                  const ImageLimits& limits);
  Result<Exhibit> compare_pair(const ArtifactPair& pair);
  void remember(const std::string& a, const std::string& b, const Comparison& comparison);

  Artifacts& artifacts_;
  Metrics& metrics_;
  const Tolerance tolerance_;
  const EvidenceAids aids_;
};

}  // namespace worldshare::verifier
