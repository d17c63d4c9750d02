#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verifier/consensus/consensus.h"
#include "verifier/trust/beliefs.h"
#include "verifier/trust/exhibits.h"
#include "verifier/trust/minutes.h"
#include "verifier/trust/papers.h"
#include "verifier/trust/rules.h"
#include "verifier/trust/weighing.h"

namespace worldshare::verifier {

/// From the kernel's random numbers, and what PostgreSQL's bigint holds.
std::uint64_t draw_audit_seed();

/// What all hearings of a sitting share.
struct Court {
  Exhibits& exhibits;
  Minutes& minutes;
  const Rules& rules;
  Beliefs& beliefs;
  std::function<bool(double)> chance;  ///< true with this probability, unforeseeable
  bool trusted = false;                ///< there is hardware that settles what volunteers cannot
  std::uint64_t now_ms = 0;
  std::optional<std::vector<std::string>> few_owners{};   ///< all who are connected; none: many
  std::function<std::uint64_t()> seed = draw_audit_seed;  ///< of an audit, unforeseeable
};

/// Hears the results of one unit, one after the other, on the papers that the database holds of it,
/// and takes minutes. No I/O. How many owners have to agree is the policy's word, between what the
/// manifest asks for and what it allows. An accepted unit that was reissued is judged again.
/// Where `exhibits` lack something, the hearing stops and its minutes are void: it is held again,
/// from the papers on, once that is known. Used once; the referenced objects must outlive it.
class Hearing {
 public:
  Hearing(Papers papers, Court& court) : papers_(std::move(papers)), court_(court) {}

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
    std::optional<double> risk;
  };
  /// Looks at a unit that are wanted before it is decided.
  struct Looks {
    unsigned count = 0;
    std::size_t target = 0;  ///< the result that is looked at
    bool trusted = false;    ///< on trusted hardware
    bool whole = false;      ///< which renders the unit
  };
  /// What was decided, and the policy's reasons for it.
  struct Outcome {
    Decision decision;
    Weighing weighing;
    double audit_cost = 0;
    double canary_rate = 0;
    Looks looks = {};  ///< none where it is decided
    /// Results that make the frame together.
    std::optional<std::pair<std::size_t, std::size_t>> halves = {};
  };
  Minutes& minutes() { return court_.minutes; }
  std::string void_because() const;
  bool is_trusted() const;
  bool is_news() const;
  bool has_opinion(const std::string& owner) const;
  void file(Finding::Outcome outcome);
  FiledResult filed() const;
  std::size_t opinions_given() const;
  unsigned halves_given() const;
  void dismiss(const std::string& why);

  // hearing.cc: a unit that is open
  void deliberate();
  std::optional<Outcome> conclude(const Policy& manifest);
  Outcome decide_now(const std::vector<Agreement>& agreements, const Policy& manifest);
  void decide_by_policy(const Checks& how,
                        const std::vector<Agreement>& agreements,
                        const Policy& manifest,
                        Outcome& out);
  void decide_by_equal_results(const std::vector<Agreement>& agreements,
                               const Policy& manifest,
                               Outcome& out);
  bool nobody_is_left() const;
  std::vector<Opinion> opinions() const;
  void pronounce(const Outcome& outcome);
  wire::Decision spoken(const Decision& decision) const;
  void accept(const Outcome& outcome);
  void rely_on(const Decision& decision);
  void rely_on(const std::string& owner);
  void judge(FiledResult& result, const std::string& judged);
  void judge_all(const std::vector<std::size_t>& agreed);
  void wish_for_canary(const Outcome& outcome);

  // comparing.cc
  bool by_halves() const;
  std::vector<Agreement> compare_all();
  const Comparison* compare_pair(const FiledResult& a, const FiledResult& b);
  bool can_compare(const FiledResult& a, const FiledResult& b) const;
  bool vouched(const Decision& decision) const;
  void prove(const Decision& decision);
  void prove(FiledResult& result);
  void note_flaw(FiledResult& result, const std::string& why);
  void note_output(const FiledResult& accepted, std::vector<std::string>& outputs);

  // trusted.cc: what trusted hardware has the last word on
  void hear_trusted_picture(FiledAudit& audit);
  std::optional<std::size_t> trusted_picture() const;
  void decide_by_trusted(std::size_t right,
                         const std::vector<Agreement>& agreements,
                         Outcome& out) const;
  Looks looks_wanted(const Outcome& outcome, bool trusted) const;
  void convict(const Weighing& weighing);

  // reexamination.cc: one that has ended
  const FiledResult* accepted_result() const;
  std::string incomparable_because() const;
  void compare_late();
  void late(const std::string& judged, const std::string& reason);
  void doubt(const std::string& reason);
  void answer_canary();
  void reexamine();
  void hold_to(const FiledResult& right, const Outcome& outcome);
  void conclude_doubt(const Outcome& outcome);
  bool equal(const FiledResult& a, const FiledResult& b) const;
  void end_reissue(const std::string& state, const std::string& reason);

  void give_verdict(Ruled ruled);
  // auditing.cc: what other owners render again of a result
  FiledAudit* file_answer();
  void hear_audit(FiledAudit* audit);
  void dismiss_late_audit();
  void say_of_audit(std::string reason);
  void answer(FiledAudit& audit);
  bool was_unable() const;
  const AuditExhibit* held_against(const FiledResult& target, const FiledAudit& audit);
  void note_unauditable(const std::string& why);
  void measure();
  Checks checks();
  Checks checks_of_halves();
  std::string whole_because() const;
  void announce(const Checks& checks);
  std::uint64_t first_seed();
  void order(const Looks& looks, double cost);
  std::size_t open_audits(const std::string& target) const;
  std::size_t open_of(const Looks& looks) const;
  void drop_audits(const std::string& why);
  void settle_audits();
  void settle(FiledAudit& audit, bool right);
  bool is_accepted() const;
  bool shows_who_was_right(const FiledAudit& audit);
  std::string audit_sentence(const std::vector<std::size_t>& results) const;
  FiledResult* result_of(const std::string& lease);

  void tell(wire::EventKind kind, const std::string& owner, const std::string& message);
  void tell_of_frames(wire::EventKind kind, const std::string& owner, const std::string& message);

  Papers papers_;
  Court& court_;
  const Submission* now_ = nullptr;  ///< the one that is heard
  int flaws_ = 0;                    ///< noted since the opinions were looked at
  bool stopped_ = false;             ///< an exhibit is lacking
  std::string policy_;               ///< that decided, where units are not all checked alike
  std::optional<std::uint64_t> first_seed_;
};

}  // namespace worldshare::verifier
