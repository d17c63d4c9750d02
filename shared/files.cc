#include "shared/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "shared/ids.h"

namespace worldshare {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, "cannot read " + path.string());
  std::string out;
  char buffer[1 << 16];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    out.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (out.size() > limit_bytes) {
      return fail(Errc::kInvalid,
                  path.string() + " is larger than " + std::to_string(limit_bytes) + " bytes");
    }
  }
  if (in.bad()) return fail(Errc::kInvalid, "reading " + path.string() + " failed");
  return out;
}

Result<> check_private(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return fail(Errc::kNotFound, "cannot read " + path.string() + ": " + std::strerror(errno));
  // What root gave to one of our groups (a Kubernetes secret) is as good as our own.
  const mode_t forbidden = info.st_uid == 0 && ::geteuid() != 0 ? 027 : 077;
  if ((info.st_mode & forbidden) != 0)
    return fail(Errc::kDenied, "others may read " + path.string() + ": chmod 600 it");
  return {};
}

Result<> write_file_atomically(const std::filesystem::path& path,
                               std::string_view bytes,
                               mode_t mode) {
  const std::string part = path.string() + "." + new_id() + ".part";
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0)
    return fail(Errc::kUnavailable, "cannot create " + part + ": " + std::strerror(errno));
  bool ok = true;
  while (ok && !bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    ok = n > 0;
    if (ok) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  ok = ok && ::fsync(fd) == 0;
  ok = ::close(fd) == 0 && ok;
  if (ok && ::rename(part.c_str(), path.c_str()) == 0) return {};
  const std::string why = std::strerror(errno);
  ::unlink(part.c_str());
  return fail(Errc::kUnavailable, "cannot write " + path.string() + ": " + why);
}

}  // namespace worldshare
