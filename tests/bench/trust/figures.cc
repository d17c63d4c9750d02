#include "tests/bench/trust/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace trust_bench {
namespace {

template <class T>
double mean(const std::vector<T>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

template <class T>
double percentile(std::vector<T> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return static_cast<double>(values[static_cast<std::size_t>(at)]);
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

std::string Figures::json() const {
  const auto all = static_cast<double>(units);
  std::string out = fmt::format("{{\"units\": {}, \"decisions\": {}", units, decisions);
  const auto add = [&](const char* key, double value) {
    out += fmt::format(", \"{}\": {}", key, value);
  };
  add("error", share(static_cast<double>(wrong_at_acceptance), all));
  add("final_error", share(static_cast<double>(wrong_at_end), all));
  add("renders", share(renders, all));
  add("trusted", share(trusted, all));
  add("good_excluded",
      share(static_cast<double>(good_excluded), static_cast<double>(good_identities)));
  add("good_excluded_per_task",
      share(static_cast<double>(good_excluded), static_cast<double>(good_tasks)));
  add("bad_to_ban", mean(bad_results_to_exclusion));
  add("bad_per_ban", share(static_cast<double>(bad_results),
                           static_cast<double>(bad_results_to_exclusion.size())));
  add("bad_to_ban_p90", percentile(bad_results_to_exclusion, 0.9));
  add("caught",
      share(static_cast<double>(bad_results_to_exclusion.size()), static_cast<double>(cheaters)));
  add("latency", mean(latencies));
  add("latency_p95", percentile(latencies, 0.95));
  return out + "}";
}

}  // namespace trust_bench
