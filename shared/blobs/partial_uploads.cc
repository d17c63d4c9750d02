#include "shared/blobs/partial_uploads.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "shared/crypto.h"
#include "shared/files.h"

namespace worldshare::blobs {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> storage_error(const char* what) {
  return fail(Errc::kUnavailable, std::string(what) + ": " + std::strerror(errno));
}

std::optional<std::uint64_t> announced_size(const fs::path& file) {
  const auto text = read_file(file, 32);
  if (!text) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), size);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return size;
}

std::uint64_t size_or_zero(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : size;
}

void remove_both(const fs::path& bytes, const fs::path& size) {
  std::error_code ignored;
  fs::remove(size, ignored);
  fs::remove(bytes, ignored);
}

}  // namespace

Result<PartialUploads> PartialUploads::open(const Store& store, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + error.message());
  return PartialUploads(store, folder);
}

PartialUploads::Files PartialUploads::files(const std::string& account,
                                            const std::string& sha256) const {
  WS_CHECK(is_sha256_hex(sha256), "a blob's name is its SHA-256");
  const std::string key = to_hex(worldshare::sha256(as_bytes(account + "/" + sha256)));
  return {folder_ / (key + ".bytes"), folder_ / (key + ".size")};
}

Result<PartialUploads::State> PartialUploads::create(const std::string& account,
                                                     const std::string& sha256,
                                                     std::uint64_t size_bytes) const {
  const Files files = this->files(account, sha256);
  if (const auto size = announced_size(files.size); size && *size != size_bytes) {
    return fail(Errc::kConflict, "this upload was begun with " + std::to_string(*size) +
                                     " bytes; finish it, or DELETE it first");
  }
  if (auto ok = write_file_atomically(files.size, std::to_string(size_bytes), 0600); !ok)
    return std::unexpected(ok.error());
  return State{size_or_zero(files.bytes), size_bytes};
}

Result<PartialUploads::State> PartialUploads::state(const std::string& account,
                                                    const std::string& sha256) const {
  const Files files = this->files(account, sha256);
  const auto size = announced_size(files.size);
  if (!size) return fail(Errc::kNotFound, "there is no such upload of yours");
  return State{size_or_zero(files.bytes), *size};
}

Result<> PartialUploads::drop(const std::string& account, const std::string& sha256) const {
  if (auto known = state(account, sha256); !known) return std::unexpected(known.error());
  const Files files = this->files(account, sha256);
  remove_both(files.bytes, files.size);
  return {};
}

void PartialUploads::drop_older_than(std::chrono::seconds age) const {
  const auto limit = fs::file_time_type::clock::now() - age;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".size") continue;
    fs::path bytes = entry.path();
    bytes.replace_extension(".bytes");
    std::error_code absent;
    const auto newest = fs::exists(bytes, absent) ? fs::last_write_time(bytes, absent)
                                                  : fs::last_write_time(entry.path(), absent);
    if (!absent && newest < limit) remove_both(bytes, entry.path());
  }
}

Result<PartialUploads::Append> PartialUploads::append(const std::string& account,
                                                      const std::string& sha256,
                                                      std::uint64_t offset_bytes) const {
  const Files files = this->files(account, sha256);
  const auto size = announced_size(files.size);
  if (!size) return fail(Errc::kNotFound, "there is no such upload of yours");
  Append append(store_);
  append.bytes_ = files.bytes;
  append.size_file_ = files.size;
  append.sha256_ = sha256;
  append.fd_ = ::open(files.bytes.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (append.fd_ < 0) return storage_error("cannot store an upload");
  if (::flock(append.fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::kConflict, "another connection sends this upload just now; try again");
  struct stat about{};
  if (::fstat(append.fd_, &about) != 0) return storage_error("cannot store an upload");
  append.state_ = {static_cast<std::uint64_t>(about.st_size), *size};
  if (about.st_nlink == 0 || append.state_.offset_bytes != offset_bytes) {
    return fail(Errc::kConflict,
                "Upload-Offset: this upload stands at " + std::to_string(about.st_size));
  }
  return append;
}

PartialUploads::Append::Append(Append&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      size_file_(std::move(other.size_file_)),
      sha256_(std::move(other.sha256_)),
      state_(other.state_),
      store_(std::move(other.store_)),
      fd_(std::exchange(other.fd_, -1)) {}

PartialUploads::Append::~Append() {
  if (fd_ >= 0) ::close(fd_);
}

Result<> PartialUploads::Append::write(ByteView bytes) {
  if (bytes.size() > state_.size_bytes - state_.offset_bytes) {
    return fail(Errc::kInvalid,
                "more than the announced " + std::to_string(state_.size_bytes) + " bytes");
  }
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return storage_error("cannot store an upload");
    state_.offset_bytes += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<> PartialUploads::Append::finish() {
  WS_CHECK(state_.offset_bytes == state_.size_bytes, "an upload is finished when all has come");
  auto stored = store_.adopt(sha256_, bytes_);
  if (!stored && stored.error().code == Errc::kCorrupt) remove_both(bytes_, size_file_);
  if (!stored) return stored;
  std::error_code ignored;
  fs::remove(size_file_, ignored);
  return {};
}

}  // namespace worldshare::blobs
