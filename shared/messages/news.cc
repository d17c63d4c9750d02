#include "shared/messages/news.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

namespace worldshare::messages {
namespace {

bool comes_in_crowds(wire::EventKind kind) {
  return kind == wire::EventKind::frame_leased || kind == wire::EventKind::frame_reported ||
         kind == wire::EventKind::frame_accepted;
}

struct Crowd {
  std::size_t count = 0;
  std::size_t last_told = 0;  ///< its place
};

}  // namespace

wire::EventT event_of(wire::EventKind kind,
                      const std::string& job,
                      std::int32_t frame,
                      const std::string& owner,
                      const std::string& message) {
  wire::EventT event;
  event.job = job;
  event.kind = kind;
  event.frame = frame;
  event.owner = owner;
  event.message = message;
  return event;
}

std::vector<wire::EventT> few_of_many(std::vector<wire::EventT> events) {
  std::vector<wire::EventT> out;
  std::map<std::pair<std::string, wire::EventKind>, Crowd> crowds;
  for (auto& event : events) {
    if (comes_in_crowds(event.kind)) {
      Crowd& crowd = crowds[{event.job, event.kind}];
      if (++crowd.count > kToldAtOnce) continue;
      crowd.last_told = out.size();
    }
    out.push_back(std::move(event));
  }
  for (const auto& [what, crowd] : crowds) {
    if (crowd.count <= kToldAtOnce) continue;
    std::string& message = out[crowd.last_told].message;
    message +=
        fmt::format("{}and {} more frames", message.empty() ? "" : "; ", crowd.count - kToldAtOnce);
  }
  return out;
}

}  // namespace worldshare::messages
