#include "shared/blobs/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "shared/files.h"
#include "shared/ids.h"

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

Result<Store> Store::open(const std::filesystem::path& root) {
  std::error_code error;
  std::filesystem::create_directories(root / "part", error);
  if (error)
    return fail(Errc::kUnavailable,
                "cannot create blob folder " + root.string() + ": " + error.message());
  return Store(root);
}

std::filesystem::path Store::path(const std::string& sha256) const {
  WS_CHECK(is_sha256_hex(sha256), "a blob's name is its SHA-256");
  return root_ / sha256.substr(0, 2) / sha256;
}

std::optional<std::uint64_t> Store::size(const std::string& sha256) const {
  std::error_code error;
  const auto size = std::filesystem::file_size(path(sha256), error);
  if (error) return std::nullopt;
  return size;
}

Result<Bytes> Store::read(const std::string& sha256, std::uint64_t limit_bytes) const {
  auto text = read_file(path(sha256), limit_bytes);
  if (!text) return std::unexpected(text.error());
  const ByteView bytes = as_bytes(*text);
  if (to_hex(worldshare::sha256(bytes)) != sha256)
    return fail(Errc::kCorrupt, "blob " + sha256 + " is damaged");
  return Bytes(bytes.begin(), bytes.end());
}

Result<ByteView> Store::load(const std::string& sha256,
                             std::uint64_t limit_bytes,
                             Bytes& storage) const {
  const OpenFile file(path(sha256));
  const auto size = file.size();
  if (!size) {
    return fail(errno == ENOENT ? Errc::kNotFound : Errc::kUnavailable,
                "cannot open blob " + sha256 + ": " + std::strerror(errno));
  }
  if (*size > limit_bytes) return fail(Errc::kInvalid, "blob " + sha256 + " is too large");
  if (storage.size() < *size) {
    storage.clear();  // nothing in it is worth copying
    storage.resize(*size);
  }
  if (!file.read(std::span(storage).first(*size))) {
    return fail(Errc::kUnavailable, "cannot read blob " + sha256);
  }
  return ByteView(storage).first(*size);
}

Result<Store::Upload> Store::begin(const std::string& sha256, std::uint64_t size_bytes) const {
  Upload upload;
  upload.target_ = path(sha256);
  upload.part_ = root_ / "part" / (sha256 + "." + new_id());
  upload.sha256_ = sha256;
  upload.expected_bytes_ = size_bytes;
  upload.fd_ = ::open(upload.part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (upload.fd_ < 0)
    return fail(Errc::kUnavailable, std::string("cannot store blob: ") + std::strerror(errno));
  return upload;
}

Store::Upload::Upload(Upload&& other) noexcept
    : part_(std::move(other.part_)),
      target_(std::move(other.target_)),
      sha256_(std::move(other.sha256_)),
      expected_bytes_(other.expected_bytes_),
      written_bytes_(other.written_bytes_),
      hash_(std::move(other.hash_)),
      fd_(std::exchange(other.fd_, -1)) {}

Store::Upload::~Upload() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<> Store::Upload::write(ByteView bytes) {
  written_bytes_ += bytes.size();
  if (written_bytes_ > expected_bytes_) {
    return fail(Errc::kInvalid,
                "more than the announced " + std::to_string(expected_bytes_) + " bytes");
  }
  hash_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return fail(Errc::kUnavailable, std::string("cannot store blob: ") + std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> Store::Upload::commit() {
  if (written_bytes_ != expected_bytes_) {
    return fail(Errc::kCorrupt, std::to_string(written_bytes_) + " bytes came, " +
                                    std::to_string(expected_bytes_) + " were announced");
  }
  if (to_hex(hash_.finish()) != sha256_)
    return fail(Errc::kCorrupt, "the bytes do not match the SHA-256 " + sha256_);
  std::error_code error;
  std::filesystem::create_directories(target_.parent_path(), error);
  const bool ok = !error && ::fsync(fd_) == 0 && ::rename(part_.c_str(), target_.c_str()) == 0;
  if (!ok)
    return fail(Errc::kUnavailable, std::string("cannot store blob: ") + std::strerror(errno));
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace worldshare::blobs
