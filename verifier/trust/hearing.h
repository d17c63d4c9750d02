#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "verifier/consensus/consensus.h"
#include "verifier/trust/exhibits.h"
#include "verifier/trust/minutes.h"
#include "verifier/trust/papers.h"

namespace worldshare::verifier {

/// Hears the results of one unit, one after the other, on the papers that the database holds of it,
/// and takes minutes. No I/O. Where `exhibits` lack something, the hearing stops and its minutes
/// are void: it is held again, from the papers on, once that is known. Used once; the referenced
/// objects must outlive it.
class Hearing {
 public:
  Hearing(Papers papers, Exhibits& exhibits, Minutes& minutes, std::uint64_t now_ms)
      : papers_(std::move(papers)), exhibits_(exhibits), minutes_(minutes), now_ms_(now_ms) {}

  /// A result that is known already, or that no longer matters, changes nothing. `submission` must
  /// outlive the minutes.
  void hear(const Submission& submission);

 private:
  /// What a verdict says beside which result it is about.
  struct Ruled {
    wire::Decision decision = wire::Decision::pending;
    bool counts = true;
    unsigned replicas_needed = 0;
    std::string artifact;
    std::string reason;
  };
  bool is_news() const;
  void file();
  void dismiss();
  void deliberate();
  std::vector<Opinion> opinions() const;
  std::vector<Agreement> compare_all();
  const Comparison* compare_pair(const FiledResult& a, const FiledResult& b);
  void prove(const Decision& decision);
  void prove(FiledResult& result);
  void note_flaw(FiledResult& result, const std::string& why);
  void pronounce(const Decision& decision);
  void accept(const Decision& decision);
  void judge_all(const std::vector<std::size_t>& agreed);
  void note_late();
  void compare_late();
  void late(const std::string& judged, const std::string& reason);
  void give_verdict(Ruled ruled);
  void tell(wire::EventKind kind, const std::string& owner, const std::string& message);

  Papers papers_;
  Exhibits& exhibits_;
  Minutes& minutes_;
  const std::uint64_t now_ms_;
  const Submission* now_ = nullptr;  ///< the one that is heard
  int flaws_ = 0;                    ///< noted since the opinions were looked at
  bool stopped_ = false;             ///< an exhibit is lacking
};

}  // namespace worldshare::verifier
