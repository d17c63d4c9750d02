#pragma once

#include <string_view>

#include "shared/http/server.h"

namespace worldshare::http {

/// An RFC 9457 problem document of type about:blank, whose title is the status's own phrase.
Reply problem_reply(unsigned status, std::string_view detail);

/// The phrase of a status, "Not Found".
std::string_view status_phrase(unsigned status);

}  // namespace worldshare::http
