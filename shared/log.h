#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace worldshare {

/// Logs go to stderr, one line each: time, level, component, phrase, key=value.
/// `level`: trace, debug, info, warn, err. Call once, from main.
void init_log(const std::string& component, const std::string& level);

}  // namespace worldshare
