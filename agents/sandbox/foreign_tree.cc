#include "agents/sandbox/foreign_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include "shared/descriptor.h"
#include "shared/ids.h"
#include "shared/unique_handle.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kFolder = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
/// Each level of a walk holds a descriptor.
constexpr int kDeepest = 64;
constexpr std::uint64_t kMostEntries = 10'000'000;
constexpr std::uint64_t kTooMuch = std::numeric_limits<std::uint64_t>::max();

/// Calls `visit(folder, name)` for what is in `folder` until it returns an errno; that, or 0. What
/// went in the meantime is nothing to speak of.
template <class Visit>
int for_each_entry(Descriptor folder, const Visit& visit) {
  const UniqueHandle<DIR, ::closedir> listing(::fdopendir(folder.get()));
  if (!listing) return errno;
  const int fd = folder.release();  // the listing's
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (const int error = visit(fd, entry->d_name); error != 0 && error != ENOENT) return error;
  }
  return 0;
}

/// Also one of mode 000, by its owner: only a descriptor of the path opens then, and that is
/// changed by its name in /proc.
Descriptor open_for_removal(int parent, const char* name) {
  const Descriptor path(::openat(parent, name, O_PATH | kFolder));
  if (path.get() < 0) return {};
  ::chmod(("/proc/self/fd/" + std::to_string(path.get())).c_str(), 0700);
  return Descriptor(::openat(path.get(), ".", O_RDONLY | kFolder));
}

/// Of all that is below one folder. Its functions return 0 or an errno.
class Removal {
 public:
  explicit Removal(int top) : top_(top) {}

  int empty(Descriptor folder, int depth = 0) {
    return for_each_entry(std::move(folder), [&](int parent, const char* name) {
      return remove(parent, name, depth);
    });
  }

 private:
  int remove(int parent, const char* name, int depth) {
    if (++entries_ > kMostEntries) return EBUSY;
    if (::unlinkat(parent, name, 0) == 0) return 0;
    if (errno != EISDIR) return errno;
    Descriptor folder = open_for_removal(parent, name);
    if (folder.get() < 0) return errno;
    // What lies deeper than there may be descriptors waits at the top.
    if (depth == kDeepest) return ::renameat(parent, name, top_, new_id().c_str()) == 0 ? 0 : errno;
    if (const int error = empty(std::move(folder), depth + 1); error != 0) return error;
    return ::unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
  }

  const int top_;
  std::uint64_t entries_ = 0;
};

int remove(const char* tree) {
  if (::unlink(tree) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR) return errno;
  const Descriptor top = open_for_removal(AT_FDCWD, tree);
  if (top.get() < 0) return errno;
  Removal removal(top.get());
  // More than once for what came to the top, or was written, behind the listing's back.
  while (::rmdir(tree) != 0) {
    if (errno != ENOTEMPTY && errno != EEXIST) return errno;
    const int error = removal.empty(Descriptor(::openat(top.get(), ".", O_RDONLY | kFolder)));
    if (error != 0 && error != ENOTEMPTY && error != EEXIST) return error;
  }
  return 0;
}

int add_bytes(Descriptor folder, std::uint64_t& sum, int depth) {
  if (folder.get() < 0) return errno;
  if (depth > kDeepest) return ELOOP;
  return for_each_entry(std::move(folder), [&](int parent, const char* name) {
    struct stat status{};
    if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    if (S_ISREG(status.st_mode)) sum += static_cast<std::uint64_t>(status.st_size);
    if (!S_ISDIR(status.st_mode)) return 0;
    return add_bytes(Descriptor(::openat(parent, name, O_RDONLY | kFolder)), sum, depth + 1);
  });
}

}  // namespace

Result<> remove_tree(const fs::path& tree) {
  const int error = remove(tree.c_str());
  if (error == 0) return {};
  return fail(Errc::kUnavailable, "cannot remove " + tree.string() + ": " + std::strerror(error));
}

Result<fs::path> make_empty_folder(const fs::path& parent, const std::string& name) {
  fs::path folder = parent / name;
  if (auto removed = remove_tree(folder); !removed) {
    folder = parent / (name + "-" + new_id());
    spdlog::warn("another folder is used folder={} reason=\"{}\"", folder.string(),
                 removed.error().message);
  }
  if (::mkdir(folder.c_str(), 0755) == 0) return folder;
  return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + std::strerror(errno));
}

std::uint64_t tree_bytes(const fs::path& tree) {
  std::uint64_t sum = 0;
  const int error = add_bytes(Descriptor(::open(tree.c_str(), O_RDONLY | kFolder)), sum, 0);
  return error == 0 || error == ENOENT ? sum : kTooMuch;
}

}  // namespace worldshare::agent
