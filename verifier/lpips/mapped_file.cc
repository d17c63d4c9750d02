#include "verifier/lpips/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace worldshare::verifier {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, std::size_t limit_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    const Errc code = errno == ENOENT || errno == ENOTDIR ? Errc::kNotFound : Errc::kInvalid;
    return fail(code, fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  struct stat about{};
  if (::fstat(file.fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail(Errc::kInvalid, fmt::format("{} is no regular file", path.string()));
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size > limit_bytes) {
    return fail(Errc::kInvalid,
                fmt::format("{} has {} bytes, more than {}", path.string(), size, limit_bytes));
  }
  if (size == 0) return MappedFile(ByteView{});
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (memory == MAP_FAILED) {
    return fail(Errc::kInvalid, fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  return MappedFile(ByteView(static_cast<const std::uint8_t*>(memory), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, ByteView{})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace worldshare::verifier
