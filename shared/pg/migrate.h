#pragma once

#include <filesystem>

#include "shared/pg/connection.h"

namespace worldshare::pg {

/// Applies the numbered files NNNN_*.sql of `folder` that the database has not seen yet, in order,
/// each in a transaction of its own, under an advisory lock (so that several processes may call it
/// at once). Returns how many were applied. kInvalid: a gap or a repeat in the numbers, or an
/// applied file whose text changed.
Result<int> migrate(Connection& connection, const std::filesystem::path& folder);

}  // namespace worldshare::pg
