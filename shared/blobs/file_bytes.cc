#include "shared/blobs/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

namespace worldshare::blobs {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  std::optional<std::size_t> size() const {
    struct stat about = {};
    if (fd_ < 0 || ::fstat(fd_, &about) != 0) return std::nullopt;
    return static_cast<std::size_t>(about.st_size);
  }
  /// False: an error, or the file is shorter.
  bool read(std::span<std::uint8_t> out) const {
    while (!out.empty()) {
      const ssize_t n = ::read(fd_, out.data(), out.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      out = out.subspan(static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  const int fd_;
};

}  // namespace

Result<ByteView> file_bytes(const std::filesystem::path& path,
                            std::uint64_t limit_bytes,
                            Bytes& storage) {
  const OpenFile file(path);
  const auto size = file.size();
  const std::string name = path.filename().string();
  if (!size) {
    return fail(errno == ENOENT ? Errc::kNotFound : Errc::kUnavailable,
                "cannot open blob " + name + ": " + std::strerror(errno));
  }
  if (*size > limit_bytes) return fail(Errc::kInvalid, "blob " + name + " is too large");
  if (storage.size() < *size) {
    storage.clear();  // nothing in it is worth copying
    storage.resize(*size);
  }
  if (!file.read(std::span(storage).first(*size)))
    return fail(Errc::kUnavailable, "cannot read blob " + name);
  return ByteView(storage).first(*size);
}

}  // namespace worldshare::blobs
