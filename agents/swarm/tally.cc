#include "agents/swarm/tally.h"

#include <fmt/format.h>

namespace worldshare::swarm {
namespace {

std::string quantiles(const char* name, const Histogram& times) {
  return fmt::format(R"("{0}_count": {1}, "{0}_p50_ms": {2:.3f}, "{0}_p99_ms": {3:.3f})", name,
                     times.count(), times.quantile_ms(0.5), times.quantile_ms(0.99));
}

}  // namespace

std::string to_json(const Tally& tally) {
  return fmt::format(
      R"({{"connected": {}, "connects": {}, "disconnects": {}, "hellos": {}, "heartbeats": {}, )"
      R"("assignments": {}, "repeated_assignments": {}, "stops": {}, "results": {}, )"
      R"("duplicates": {}, "uploads": {}, "present": {}, "refused": {}, "timeouts": {}, )"
      R"("vanished": {}, "hung": {}, "failed": {}, {}, {}, {}}})",
      tally.connected, tally.connects, tally.disconnects, tally.hellos, tally.heartbeats,
      tally.assignments, tally.repeated_assignments, tally.stops, tally.results, tally.duplicates,
      tally.uploads, tally.present, tally.refused, tally.timeouts, tally.vanished, tally.hung,
      tally.failed, quantiles("refill", tally.refill), quantiles("commit", tally.commit),
      quantiles("store", tally.store));
}

}  // namespace worldshare::swarm
