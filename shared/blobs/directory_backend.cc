#include "shared/blobs/directory_backend.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shared/blobs/file_bytes.h"
#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::blobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kSpaceNeeded = 1ULL << 30;

std::unexpected<Error> not_stored() {
  return fail(Errc::kUnavailable, std::string("cannot store blob: ") + std::strerror(errno));
}

Result<> move_into_place(int fd, const fs::path& part, const fs::path& target) {
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error || ::fsync(fd) != 0 || ::rename(part.c_str(), target.c_str()) != 0) return not_stored();
  return {};
}

class FileSink final : public Backend::Sink {
 public:
  FileSink(int fd, fs::path part, fs::path target)
      : fd_(fd), part_(std::move(part)), target_(std::move(target)) {}
  ~FileSink() override {
    ::close(fd_);
    if (!committed_) ::unlink(part_.c_str());
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  Result<> write(ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return not_stored();
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }
  Result<> commit() override {
    auto moved = move_into_place(fd_, part_, target_);
    committed_ = moved.has_value();
    return moved;
  }

 private:
  const int fd_;
  const fs::path part_;
  const fs::path target_;
  bool committed_ = false;
};

Result<Backend::Listed> stat_of(const fs::path& path) {
  struct stat about = {};
  const std::string name = path.filename().string();
  if (::stat(path.c_str(), &about) != 0) {
    return fail(errno == ENOENT ? Errc::kNotFound : Errc::kUnavailable,
                "blob " + name + ": " + std::strerror(errno));
  }
  const auto since =
      std::chrono::seconds(about.st_mtim.tv_sec) + std::chrono::nanoseconds(about.st_mtim.tv_nsec);
  return Backend::Listed{
      name, static_cast<std::uint64_t>(about.st_size),
      Clock::TimePoint(std::chrono::duration_cast<Clock::TimePoint::duration>(since))};
}

/// The names in one of the store's 256 folders behind `after`, in their order.
std::vector<std::string> names_in(const fs::path& folder, const std::string& after) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name > after && is_sha256_hex(name)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<std::shared_ptr<const Backend>> DirectoryBackend::open(const fs::path& root) {
  std::error_code error;
  fs::create_directories(root / "part", error);
  if (error)
    return fail(Errc::kUnavailable,
                "cannot create blob folder " + root.string() + ": " + error.message());
  return std::shared_ptr<const Backend>(new DirectoryBackend(root));
}

fs::path DirectoryBackend::path(const std::string& sha256) const {
  return root_ / sha256.substr(0, 2) / sha256;
}

Result<Backend::Listed> DirectoryBackend::stat(const std::string& sha256) const {
  return stat_of(path(sha256));
}

Result<std::uint64_t> DirectoryBackend::size(const std::string& sha256) const {
  const auto listed = stat(sha256);
  if (!listed) return std::unexpected(listed.error());
  return listed->size_bytes;
}

Result<ByteView> DirectoryBackend::load(const std::string& sha256,
                                        std::uint64_t limit_bytes,
                                        Bytes& storage) const {
  return file_bytes(path(sha256), limit_bytes, storage);
}

Result<fs::path> DirectoryBackend::file(const std::string& sha256) const {
  if (const auto there = stat(sha256); !there) return std::unexpected(there.error());
  return path(sha256);
}

Result<std::unique_ptr<Backend::Sink>> DirectoryBackend::begin(const std::string& sha256,
                                                               std::uint64_t) const {
  const fs::path part = root_ / "part" / (sha256 + "." + new_id());
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return not_stored();
  return std::make_unique<FileSink>(fd, part, path(sha256));
}

Result<> DirectoryBackend::adopt(const std::string& sha256, const fs::path& file) const {
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return not_stored();
  auto moved = ::fchmod(fd, 0644) == 0 ? move_into_place(fd, file, path(sha256)) : not_stored();
  ::close(fd);
  return moved;
}

Result<> DirectoryBackend::remove(const std::string& sha256) const {
  if (::unlink(path(sha256).c_str()) == 0 || errno == ENOENT) return {};
  return fail(Errc::kUnavailable, "cannot remove blob " + sha256 + ": " + std::strerror(errno));
}

Result<std::vector<Backend::Listed>> DirectoryBackend::list(const std::string& after,
                                                            std::size_t limit) const {
  std::vector<Listed> out;
  unsigned first = 0;
  if (after.size() >= 2) first = static_cast<unsigned>(std::stoul(after.substr(0, 2), nullptr, 16));
  for (unsigned folder = first; folder < 256 && out.size() < limit; ++folder) {
    for (const auto& name : names_in(root_ / fmt::format("{:02x}", folder), after)) {
      if (out.size() >= limit) break;
      if (auto listed = stat(name)) out.push_back(std::move(*listed));
    }
  }
  return out;
}

Result<std::uint64_t> DirectoryBackend::drop_leftovers(Clock::TimePoint before) const {
  std::uint64_t count = 0;
  std::error_code error;
  for (fs::directory_iterator entry(root_ / "part", error), end; !error && entry != end;
       entry.increment(error)) {
    const auto listed = stat_of(entry->path());
    if (listed && listed->stored_at < before && ::unlink(entry->path().c_str()) == 0) ++count;
  }
  return count;
}

std::string DirectoryBackend::trouble() const {
  if (::access(root_.c_str(), R_OK | W_OK | X_OK) != 0) return "the folder cannot be written";
  std::error_code error;
  const auto space = fs::space(root_, error);
  if (error || space.available < kSpaceNeeded) return "less than 1 GiB is left";
  return "";
}

Result<> DirectoryBackend::admit(const std::string& sha256,
                                 std::uint64_t size_bytes,
                                 const std::string&) const {
  const auto there = size(sha256);
  if (!there) return std::unexpected(there.error());
  if (*there != size_bytes) return fail(Errc::kCorrupt, "the blob has another size");
  return {};
}

}  // namespace worldshare::blobs
