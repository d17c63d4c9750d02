#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::agent {

/// Folders that a stranger's program writes to, perhaps at this moment. Links in them are never
/// followed, and no mode of a folder hides what is in it from its owner. Any thread.

/// Removes a file, a link or a folder with all that is in it, however deep; fine when it is not
/// there. kUnavailable: something stays, because it is another user's or grows as fast as it goes.
Result<> remove_tree(const std::filesystem::path& tree);

/// An empty folder of this name, without what was there. When that cannot be removed it stays, and
/// the folder has another name, which begins with `name` and '-'. kUnavailable.
Result<std::filesystem::path> make_empty_folder(const std::filesystem::path& parent,
                                                const std::string& name);

/// The sizes of all files in it. Where a folder cannot be looked into, or is too deep for an honest
/// program, the largest number there is.
std::uint64_t tree_bytes(const std::filesystem::path& tree);

}  // namespace worldshare::agent
