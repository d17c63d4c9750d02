#pragma once

#include <cstdint>
#include <string>

#include "agents/swarm/histogram.h"

namespace worldshare::swarm {

/// What a swarm has seen, by its own clock. One thread.
struct Tally {
  std::uint64_t connected = 0;  ///< now
  std::uint64_t connects = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t hellos = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t assignments = 0;
  std::uint64_t repeated_assignments = 0;  ///< of a lease that is in work or was reported
  std::uint64_t stops = 0;
  std::uint64_t results = 0;     ///< stored
  std::uint64_t duplicates = 0;  ///< stored before, says the stream
  std::uint64_t uploads = 0;
  std::uint64_t present = 0;  ///< artifacts that were there already
  std::uint64_t refused = 0;  ///< upload requests that the dispatcher denied
  std::uint64_t timeouts = 0;
  std::uint64_t vanished = 0;
  std::uint64_t hung = 0;
  std::uint64_t failed = 0;
  Histogram refill;  ///< a slot is free and the farm is told → the next lease is in its mailbox
  Histogram commit;  ///< upload request → reply
  Histogram store;   ///< result published → stored
};

/// One JSON object, times in milliseconds.
std::string to_json(const Tally& tally);

}  // namespace worldshare::swarm
