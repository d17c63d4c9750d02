#pragma once

#include <string>
#include <vector>

#include "shared/messages/messages.h"

namespace worldshare::messages {

/// An event of now; who publishes it says when that is.
wire::EventT event_of(wire::EventKind kind,
                      const std::string& job,
                      std::int32_t frame,
                      const std::string& owner,
                      const std::string& message = {});

/// So many events of one kind and job are told of one moment.
inline constexpr std::size_t kToldAtOnce = 4;

/// What people are told of the events of one moment: where many frames of a job are leased,
/// reported or accepted at once, the first few of them, the last with how many there were besides.
/// Nobody reads a thousand lines a second, and the broker stores each like a result. The order
/// stays.
std::vector<wire::EventT> few_of_many(std::vector<wire::EventT> events);

}  // namespace worldshare::messages
