#pragma once

#include <cstdint>

namespace worldshare {

/// Lets this process have as many open files and sockets as it may ask for (the soft limit becomes
/// the hard one), and its children too; how many that is. For the start of a program.
std::uint64_t allow_open_files();

}  // namespace worldshare
