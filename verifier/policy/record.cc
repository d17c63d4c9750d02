#include "verifier/policy/record.h"

#include <algorithm>
#include <cmath>

namespace worldshare::verifier::policy {

Record observed(const Record& record, double ok_weight, double bad_weight, const Memory& memory) {
  const double ok = std::clamp(ok_weight, 0.0, 1.0);
  const double bad = std::clamp(bad_weight, 0.0, 1.0);
  const double up = std::log(memory.changed_rate / memory.normal_rate);
  const double down = std::log((1 - memory.normal_rate) / (1 - memory.changed_rate));
  Record out;
  out.ok = memory.keep * record.ok + ok;
  out.bad = memory.keep * record.bad + bad;
  out.cusum = std::max(0.0, record.cusum + up * bad - down * ok);
  return out;
}

}  // namespace worldshare::verifier::policy
