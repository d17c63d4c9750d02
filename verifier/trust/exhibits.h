#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "shared/result.h"
#include "verifier/image/decode.h"
#include "verifier/trust/evidence.h"

namespace worldshare::verifier {

/// What an audit renders, and the number of the audit.
struct NumberedPlan {
  std::int64_t number = 0;
  sharding::AuditPlan plan;
};

/// What is known of artifacts while their units are heard. A hearing asks; what is not known is
/// put on a list, and gather() finds it out, outside of any transaction, because it may take
/// seconds. One thread.
class Exhibits {
 public:
  /// Pairs and proofs that a new sitting finds at most.
  static constexpr std::size_t kRemembered = 20'000;
  /// What earlier sittings found out is kept as long as it is not too much.
  void begin_sitting();

  /// Null: not known yet, and on the list now. One blob is always known to equal itself.
  const Exhibit* compared(std::int64_t unit,
                          const ImageLimits& limits,
                          const std::string& a,
                          const std::string& b);
  /// The same of the two halves of a frame's samples.
  const Exhibit* compared_halves(std::int64_t unit,
                                 const ImageLimits& limits,
                                 const std::string& a,
                                 const std::string& b);
  /// Null: not known yet, and on the list now. Else why the artifact does not decode, or nothing.
  const std::optional<std::string>* proven(std::int64_t unit,
                                           const ImageLimits& limits,
                                           const std::string& artifact);

  /// Null: not known yet, and on the list now.
  const AuditExhibit* audited(std::int64_t unit,
                              const ImageLimits& limits,
                              const std::string& claim,
                              const std::string& audit,
                              const NumberedPlan& plan);

  /// Null: not known yet, and on the list now. Else the pictures of a bundle; they are in the store
  /// as long as nobody collects them.
  const std::vector<StoredImage>* unpacked(std::int64_t unit,
                                           const ImageLimits& limits,
                                           const std::string& artifact);

  bool lacks_something() const { return !wanted_.empty(); }
  /// Finds out what is on the list and empties it; `go_on` is asked in between, and ends it when it
  /// answers false. What cannot be found out now is an error of its unit.
  template <class GoOn>
  std::map<std::int64_t, Error> gather(Evidence& evidence, GoOn go_on);

 private:
  /// An artifact means something only under a job's limits. The second one is empty for a proof.
  using Key = std::tuple<std::string, std::string, std::string>;
  struct Question {
    std::int64_t unit = 0;
    ImageLimits limits;
    std::optional<sharding::AuditPlan> plan = {};  ///< of an audit
    bool halves = false;
    bool unpack = false;
  };
  static Key key_of(const ImageLimits& limits, const std::string& a, const std::string& b);
  Result<> answer(const Key& key, const Question& question, Evidence& evidence);

  std::map<Key, Exhibit> comparisons_;
  std::map<Key, std::optional<std::string>> proofs_;
  std::map<Key, AuditExhibit> audits_;
  std::map<Key, std::vector<StoredImage>> bundles_;  ///< of this sitting alone
  std::map<Key, Question> wanted_;
  const Exhibit same_blob_{identical(Method::kSameBlob), {}, {}};
};

template <class GoOn>
std::map<std::int64_t, Error> Exhibits::gather(Evidence& evidence, GoOn go_on) {
  std::map<std::int64_t, Error> failed;
  for (const auto& [key, question] : wanted_) {
    const Result<> found =
        go_on() ? answer(key, question, evidence) : fail(Errc::kUnavailable, "the verifier stops");
    if (!found) failed.emplace(question.unit, found.error());
  }
  wanted_.clear();
  return failed;
}

}  // namespace worldshare::verifier
