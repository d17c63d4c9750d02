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

std::unexpected<Error> refused(const std::filesystem::path& file) {
  return fail(Errc::kUnavailable, "cannot lock " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<FileLock> FileLock::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return refused(file);
  return FileLock(descriptor);
}

Result<FileLock> FileLock::try_take(const std::filesystem::path& file) {
  auto out = open(file);
  if (!out || lock(out->descriptor_, LOCK_EX | LOCK_NB) == 0) return out;
  if (errno != EWOULDBLOCK) return refused(file);
  return fail(Errc::kConflict, "another process holds " + file.string());
}

Result<FileLock> FileLock::take(const std::filesystem::path& file,
                                const std::function<void()>& before_waiting) {
  auto at_once = try_take(file);
  if (at_once || at_once.error().code != Errc::kConflict) return at_once;
  if (before_waiting) before_waiting();
  auto out = open(file);
  if (out && lock(out->descriptor_, LOCK_EX) != 0) return refused(file);
  return out;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace worldshare
