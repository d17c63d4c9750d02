#include <algorithm>

#include "verifier/trust/hearing.h"

// What a unit's pictures show of each other, and of themselves.

namespace worldshare::verifier {

/// The unit is decided by halves of its samples: it was given out so, and not whole again since.
bool Hearing::by_halves() const {
  const auto is_half = [](const FiledResult& result) { return result.half.has_value(); };
  const bool whole_again = std::ranges::any_of(papers_.results, &FiledResult::instead_of_audits);
  return std::ranges::any_of(papers_.results, is_half) && !whole_again && !papers_.ending;
}

/// A half is no picture of the kind that a whole is. What is known of either from before is on
/// record; now it is of the kind that is heard.
bool Hearing::can_compare(const FiledResult& a, const FiledResult& b) const {
  if (a.half.has_value() != b.half.has_value()) return false;
  return a.half.has_value() == now_->lease.half.has_value() ||
         papers_.comparisons.contains(std::minmax(a.lease, b.lease));
}

/// All pairs of renderings that agree. Every pair is looked at even when an exhibit is lacking, so
/// that all that is lacking is found out at once.
std::vector<Agreement> Hearing::compare_all() {
  std::vector<Agreement> out;
  auto& results = papers_.results;
  for (std::size_t a = 0; a < results.size(); ++a) {
    for (std::size_t b = a + 1; b < results.size(); ++b) {
      if (!results[a].rendered || !results[b].rendered) continue;
      if (!can_compare(results[a], results[b])) continue;
      const Comparison* comparison = compare_pair(results[a], results[b]);
      if (comparison != nullptr && comparison->agree) out.push_back({a, b, comparison->distance()});
    }
  }
  return out;
}

/// What is on record, or is compared and recorded now; null when the hearing has to stop.
const Comparison* Hearing::compare_pair(const FiledResult& a, const FiledResult& b) {
  const auto leases = std::minmax(a.lease, b.lease);
  const auto known = papers_.comparisons.find(leases);
  if (known != papers_.comparisons.end()) return &known->second;
  const LeaseRecord& lease = now_->lease;
  const bool halves = a.half != b.half;
  const Exhibit* exhibit =
      halves ? court_.exhibits.compared_halves(lease.unit, lease.image, a.artifact, b.artifact)
             : court_.exhibits.compared(lease.unit, lease.image, a.artifact, b.artifact);
  if (exhibit == nullptr) {
    stopped_ = true;
    return nullptr;
  }
  const Tolerance& tolerance = court_.rules.tolerances.between(a.renderer, b.renderer);
  const Comparison comparison =
      halves ? exhibit->comparison : judged(exhibit->comparison, tolerance);
  minutes().comparisons.push_back({lease.unit, leases.first, leases.second, comparison});
  for (const auto& [result, flaw] : {std::pair(&a, &exhibit->flaw_a), {&b, &exhibit->flaw_b}}) {
    if (flaw->empty()) continue;
    note_flaw(*std::ranges::find(papers_.results, result->lease, &FiledResult::lease), *flaw);
  }
  return &papers_.comparisons.emplace(leases, comparison).first->second;
}

/// Another owner delivered the very same file. Who agrees on a file that does not decode could
/// agree on a wrong picture as well, so inflating theirs would prove nothing of them. A part is put
/// together with others here, so it has to decode whoever delivered it.
bool Hearing::vouched(const Decision& decision) const {
  if (messages::is_part_of_frame(now_->lease.shard)) return false;
  const auto artifact = [&](std::size_t index) -> const std::string& {
    return papers_.results[index].artifact;
  };
  return std::ranges::count(decision.agreed, artifact(decision.accepted), artifact) > 1;
}

/// Nothing is accepted on one owner's word before it is known to decode, and no bundle before its
/// pictures are there for the artist.
void Hearing::prove(const Decision& decision) {
  if (decision.ruling != Ruling::kAccepted) return;
  FiledResult& accepted = papers_.results[decision.accepted];
  if (!vouched(decision)) {
    prove(accepted);
    if (flaws_ != 0) {
      for (const std::size_t index : decision.agreed) {  // alike, so these may be no better
        if (index != decision.accepted) prove(papers_.results[index]);
      }
      return;
    }
  }
  if (now_->lease.shard.frame_count == 1) return;
  const LeaseRecord& lease = now_->lease;
  if (court_.exhibits.unpacked(lease.unit, lease.image, accepted.artifact) == nullptr)
    stopped_ = true;
}

/// What the artist may fetch from now on.
void Hearing::note_output(const FiledResult& accepted, std::vector<std::string>& outputs) {
  const LeaseRecord& lease = now_->lease;
  if (lease.shard.frame_count == 1) {
    outputs.push_back(accepted.lease);
    return;
  }
  const auto* images = court_.exhibits.unpacked(lease.unit, lease.image, accepted.artifact);
  WS_CHECK(images != nullptr, "what was proven is unpacked");
  std::size_t place = 0;
  for (const std::int32_t frame : messages::frames_of(lease.shard))
    minutes().frames.push_back({accepted.lease, frame, images->at(place++)});
}

void Hearing::prove(FiledResult& result) {
  const auto* flaw = court_.exhibits.proven(now_->lease.unit, now_->lease.image, result.artifact);
  if (flaw == nullptr) {
    stopped_ = true;
  } else if (*flaw) {
    note_flaw(result, **flaw);
  }
}

void Hearing::note_flaw(FiledResult& result, const std::string& why) {
  ++flaws_;
  result.rendered = false;
  result.error = "its artifact does not decode: " + why;
  minutes().flaws[result.lease] = result.error;
  tell(wire::EventKind::replica_rejected, result.owner, result.error);
}

}  // namespace worldshare::verifier
