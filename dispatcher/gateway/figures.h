#pragma once

#include "shared/messages/messages.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// The key metrics of the last `hours` (at least 1), in 48 steps of time; not from before the first
/// job. Prices are the caller's.
Result<wire::FiguresT> figures_of(pg::Connection& pg, int hours);

}  // namespace worldshare::dispatcher
