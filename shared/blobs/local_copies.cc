#include "shared/blobs/local_copies.h"

#include <algorithm>
#include <vector>

#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::blobs {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kInUse{1};
constexpr std::chrono::hours kAbandoned{24};

struct Copy {
  fs::path path;
  fs::file_time_type used;
  std::uint64_t size_bytes = 0;
};

std::vector<Copy> copies_in(const fs::path& folder) {
  std::vector<Copy> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const Copy copy{entry->path(), entry->last_write_time(gone), entry->file_size(gone)};
    if (!gone) out.push_back(copy);
  }
  std::ranges::sort(out, {}, &Copy::used);
  return out;
}

/// True when it is here; it counts as used now.
bool touch(const fs::path& path) {
  std::error_code error;
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);
  return !error;
}

}  // namespace

Result<std::unique_ptr<LocalCopies>> LocalCopies::open(const fs::path& folder,
                                                       std::uint64_t limit_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + error.message());
  auto copies = std::unique_ptr<LocalCopies>(new LocalCopies(folder, limit_bytes));
  const std::lock_guard lock(copies->mutex_);
  copies->make_room();
  return copies;
}

Result<fs::path> LocalCopies::get(const std::string& sha256, const Fetch& fetch) {
  const fs::path path = folder_ / sha256;
  std::unique_lock lock(mutex_);
  fetched_.wait(lock, [&] { return !fetching_.contains(sha256); });
  if (touch(path)) return path;
  fetching_.insert(sha256);
  lock.unlock();
  auto outcome = fetch_now(sha256, fetch);
  lock.lock();
  fetching_.erase(sha256);
  fetched_.notify_all();
  if (outcome && held_bytes_ > limit_bytes_) make_room();
  return outcome;
}

Result<fs::path> LocalCopies::fetch_now(const std::string& sha256, const Fetch& fetch) {
  const fs::path path = folder_ / sha256;
  const fs::path part = folder_ / (sha256 + "." + new_id() + ".part");
  std::error_code error;
  auto ok = fetch(part);
  if (ok) {
    const auto digest = sha256_file(part);
    if (!digest) ok = std::unexpected(digest.error());
    if (digest && to_hex(*digest) != sha256)
      ok = fail(Errc::kCorrupt, "the bytes of blob " + sha256 + " are not those of its name");
  }
  const auto size = ok ? fs::file_size(part, error) : 0;
  if (ok) fs::rename(part, path, error);
  if (ok && error) ok = fail(Errc::kUnavailable, "cannot write " + path.string());
  if (!ok) {
    fs::remove(part, error);
    return std::unexpected(ok.error());
  }
  const std::lock_guard lock(mutex_);
  held_bytes_ += size;
  return path;
}

void LocalCopies::keep(const std::string& sha256, const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  fs::rename(file, folder_ / sha256, error);
  if (error) fs::remove(file, error);
  const std::lock_guard lock(mutex_);
  held_bytes_ += size;
  if (held_bytes_ > limit_bytes_) make_room();
}

void LocalCopies::drop(const std::string& sha256) {
  std::error_code ignored;
  fs::remove(folder_ / sha256, ignored);
}

void LocalCopies::make_room() {
  const auto copies = copies_in(folder_);
  const auto now = fs::file_time_type::clock::now();
  held_bytes_ = 0;
  for (const auto& copy : copies) held_bytes_ += copy.size_bytes;
  for (const auto& copy : copies) {
    const bool is_part = copy.path.extension() == ".part";
    const auto age = now - copy.used;
    const bool goes = is_part ? age > kAbandoned : held_bytes_ > limit_bytes_ && age > kInUse;
    std::error_code error;
    if (goes && fs::remove(copy.path, error)) held_bytes_ -= copy.size_bytes;
  }
}

}  // namespace worldshare::blobs
