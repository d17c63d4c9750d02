#pragma once

#include <filesystem>
#include <vector>

#include "shared/result.h"

namespace worldshare::cli {

/// One PNG with all images in rows, at most 320 px wide each, in the given order.
Result<> write_contact_sheet(const std::vector<std::filesystem::path>& images,
                             const std::filesystem::path& target);

}  // namespace worldshare::cli
