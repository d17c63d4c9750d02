#pragma once

#include <string>

#include "dispatcher/board.h"

namespace worldshare::dispatcher {

/// The economy's figures in Prometheus' text format 0.0.4. A dispatcher that does not lead tells
/// only that.
std::string metrics_text(const Board::Notice& notice, const Collected& collected);

}  // namespace worldshare::dispatcher
