#pragma once

#include <filesystem>

#include "shared/result.h"

namespace worldshare::agent {

/// The program as PATH finds it, links resolved; kNotFound.
Result<std::filesystem::path> find_program(const std::filesystem::path& program);

}  // namespace worldshare::agent
