#include "verifier/trust/exhibits.h"

namespace worldshare::verifier {

Exhibits::Key Exhibits::key_of(const ImageLimits& limits,
                               const std::string& a,
                               const std::string& b) {
  const std::string what =
      std::string(to_string(limits.format)) + " " + std::to_string(limits.width) + "x" +
      std::to_string(limits.height) + " " + std::to_string(limits.pixel_bytes) +
      (limits.float_rgba ? " float" : "") + " x" + std::to_string(limits.frames);
  return {what, a, b};
}

void Exhibits::begin_sitting() {
  wanted_.clear();
  bundles_.clear();
  if (comparisons_.size() + proofs_.size() + audits_.size() <= kRemembered) return;
  comparisons_.clear();
  proofs_.clear();
  audits_.clear();
}

const Exhibit* Exhibits::compared(std::int64_t unit,
                                  const ImageLimits& limits,
                                  const std::string& a,
                                  const std::string& b) {
  if (a == b) return &same_blob_;
  const Key key = key_of(limits, a, b);
  const auto found = comparisons_.find(key);
  if (found != comparisons_.end()) return &found->second;
  wanted_.emplace(key, Question{unit, limits, {}});
  return nullptr;
}

const Exhibit* Exhibits::compared_halves(std::int64_t unit,
                                         const ImageLimits& limits,
                                         const std::string& a,
                                         const std::string& b) {
  Key key = key_of(limits, a, b);
  std::get<0>(key) += " halves";
  const auto found = comparisons_.find(key);
  if (found != comparisons_.end()) return &found->second;
  wanted_.emplace(key, Question{unit, limits, {}, true});
  return nullptr;
}

const AuditExhibit* Exhibits::audited(std::int64_t unit,
                                      const ImageLimits& limits,
                                      const std::string& claim,
                                      const std::string& audit,
                                      const NumberedPlan& plan) {
  Key key = key_of(limits, claim, audit);
  std::get<0>(key) += " audit " + std::to_string(plan.number);
  const auto found = audits_.find(key);
  if (found != audits_.end()) return &found->second;
  wanted_.emplace(key, Question{unit, limits, plan.plan});
  return nullptr;
}

const std::optional<std::string>* Exhibits::proven(std::int64_t unit,
                                                   const ImageLimits& limits,
                                                   const std::string& artifact) {
  const Key key = key_of(limits, artifact, "");
  const auto found = proofs_.find(key);
  if (found != proofs_.end()) return &found->second;
  wanted_.emplace(key, Question{unit, limits, {}});
  return nullptr;
}

const std::vector<StoredImage>* Exhibits::unpacked(std::int64_t unit,
                                                   const ImageLimits& limits,
                                                   const std::string& artifact) {
  Key key = key_of(limits, artifact, "");
  std::get<0>(key) += " unpacked";
  const auto found = bundles_.find(key);
  if (found != bundles_.end()) return &found->second;
  wanted_.emplace(key, Question{unit, limits, {}, false, true});
  return nullptr;
}

Result<> Exhibits::answer(const Key& key, const Question& question, Evidence& evidence) {
  const auto& [what, a, b] = key;
  const ImageLimits& limits = question.limits;
  if (question.plan) {
    auto audit = evidence.audit(a, b, limits, *question.plan);
    if (!audit) return std::unexpected(audit.error());
    audits_[key] = std::move(*audit);
    return {};
  }
  if (question.unpack) {
    auto images = evidence.unpack(a, limits);
    if (!images) return std::unexpected(images.error());
    bundles_[key] = std::move(*images);
    return {};
  }
  if (b.empty()) {
    const auto flaw = evidence.prove(a, limits);
    if (!flaw) return std::unexpected(flaw.error());
    proofs_[key] = *flaw;
    return {};
  }
  const auto exhibit =
      question.halves ? evidence.compare_halves(a, b, limits) : evidence.compare(a, b, limits);
  if (!exhibit) return std::unexpected(exhibit.error());
  comparisons_[key] = *exhibit;
  return {};
}

}  // namespace worldshare::verifier
