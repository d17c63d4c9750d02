#include "shared/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace worldshare {
namespace {

int lock(int descriptor, int how) {
  int result = 0;
  do {
    result = ::flock(descriptor, how);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file,
                                const std::function<void()>& before_waiting) {
  const auto refused = [&] {
    return fail(Errc::kUnavailable, "cannot lock " + file.string() + ": " + std::strerror(errno));
  };
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return refused();
  FileLock out(descriptor);
  if (lock(descriptor, LOCK_EX | LOCK_NB) == 0) return out;
  if (errno != EWOULDBLOCK) return refused();
  if (before_waiting) before_waiting();
  if (lock(descriptor, LOCK_EX) != 0) return refused();
  return out;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace worldshare
