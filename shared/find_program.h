#pragma once

#include <filesystem>

#include "shared/result.h"

namespace worldshare {

/// The program as PATH finds it, or else the folders of administrators' programs; links resolved.
/// kNotFound.
Result<std::filesystem::path> find_program(const std::filesystem::path& program);

}  // namespace worldshare
