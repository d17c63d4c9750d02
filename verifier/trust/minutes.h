#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/messages/messages.h"
#include "verifier/trust/papers.h"

namespace worldshare::verifier {

/// What becomes of an owner's record.
struct RecordChange {
  unsigned agreed = 0;
  unsigned rejected = 0;
  unsigned failed = 0;
};

/// What a sitting decided: the rows that it writes, and what it tells afterwards. Positions count
/// results and verdicts together, in the order in which they came about.
struct Minutes {
  struct Result {
    const Submission* submission = nullptr;
    std::size_t position = 0;
  };
  struct Comparison {
    std::int64_t unit = 0;
    std::string lease_a;
    std::string lease_b;
    verifier::Comparison comparison;
  };
  struct Verdict {
    wire::VerdictT verdict;
    std::size_t position = 0;
  };

  std::vector<Result> results;
  std::vector<Comparison> comparisons;
  std::string lpips_network;  ///< of their distances
  std::vector<Verdict> verdicts;
  std::map<std::string, std::string> judged;    ///< lease → results.judged, where it is not pending
  std::map<std::string, std::string> flaws;     ///< lease → why its artifact does not decode
  std::vector<std::string> outputs;             ///< leases of accepted results
  std::vector<std::string> credited;            ///< leases of agreed results
  std::map<std::string, RecordChange> records;  ///< by owner
  std::vector<wire::EventT> events;
  std::size_t positions = 0;
};

}  // namespace worldshare::verifier
