#include "agents/scenes/scene_cache.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "shared/crypto.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

/// With less of the disk left a download that failed has filled it.
constexpr std::uint64_t kNoDiskRoom = 1 << 20;

Result<> verify(const fs::path& file, const std::string& sha256) {
  auto digest = sha256_file(file);
  if (!digest) return std::unexpected(digest.error());
  if (to_hex(*digest) != sha256) {
    return fail(Errc::kCorrupt, "the scene's bytes are not the ones that its hash names");
  }
  return {};
}

}  // namespace

SceneCache::Hold::Hold(SceneCache* cache, std::string sha256, fs::path path)
    : cache_(cache), sha256_(std::move(sha256)), path_(std::move(path)) {}

SceneCache::Hold::Hold(Hold&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)),
      sha256_(std::move(other.sha256_)),
      path_(std::move(other.path_)) {}

SceneCache::Hold& SceneCache::Hold::operator=(Hold&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(sha256_, other.sha256_);
  std::swap(path_, other.path_);
  return *this;
}

SceneCache::Hold::~Hold() {
  if (cache_ != nullptr) cache_->release(sha256_);
}

Result<std::unique_ptr<SceneCache>> SceneCache::open(const fs::path& folder,
                                                     std::uint64_t limit_bytes,
                                                     DiskRoom disk_room) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::kUnavailable, "cannot create " + folder.string());
  auto cache = std::unique_ptr<SceneCache>(
      new SceneCache(fs::absolute(folder), limit_bytes, std::move(disk_room)));
  cache->scan();
  return cache;
}

void SceneCache::scan() {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().stem();
    if (entry->path().extension() != ".blend" || !is_sha256_hex(name)) {
      fs::remove(entry->path(), ignored);
      continue;
    }
    found.emplace_back(entry->last_write_time(ignored), name);
    entries_[name].size_bytes = entry->file_size(ignored);
  }
  std::ranges::sort(found);
  for (const auto& [time, name] : found) entries_[name].last_used = ++clock_;
}

fs::path SceneCache::path(const std::string& sha256) const { return folder_ / (sha256 + ".blend"); }

fs::path SceneCache::part(const std::string& sha256) const { return folder_ / (sha256 + ".part"); }

Result<SceneCache::Hold> SceneCache::get(const std::string& sha256,
                                         std::uint64_t size_bytes,
                                         const Download& download) {
  if (!is_sha256_hex(sha256)) return fail(Errc::kInvalid, "not the name of a scene");
  std::unique_lock lock(mutex_);
  fetched_.wait(lock, [&] { return !fetching_.contains(sha256); });
  const auto entry = entries_.find(sha256);
  if (entry != entries_.end() && entry->second.verified) return hold_locked(sha256);
  fetching_[sha256] = size_bytes;
  lock.unlock();
  auto fetched = fetch(sha256, size_bytes, download);
  lock.lock();
  fetching_.erase(sha256);
  fetched_.notify_all();
  if (!fetched) return std::unexpected(fetched.error());
  return hold_locked(sha256);
}

Result<> SceneCache::fetch(const std::string& sha256,
                           std::uint64_t size_bytes,
                           const Download& download) {
  std::error_code error;
  const fs::path target = path(sha256);
  // What an earlier run left is read once before it is trusted: the machine may have lost power.
  if (fs::exists(target, error) && verify(target, sha256)) {
    const std::lock_guard lock(mutex_);
    entries_[sha256].verified = true;
    return {};
  }
  auto room = make_room(sha256, size_bytes);
  if (!room) return room;
  const fs::path file = part(sha256);
  auto ok = download(file);
  if (!ok && disk_room_() < kNoDiskRoom) ok = no_disk_room(size_bytes);
  if (ok) ok = verify(file, sha256);
  if (ok) fs::rename(file, target, error);
  if (!ok || error) {
    fs::remove(file, error);
    return ok ? fail(Errc::kUnavailable, "cannot write to " + folder_.string()) : ok;
  }
  const std::lock_guard lock(mutex_);
  entries_[sha256].size_bytes = fs::file_size(target, error);
  entries_[sha256].verified = true;
  return {};
}

Result<> SceneCache::make_room(const std::string& sha256, std::uint64_t size_bytes) {
  if (size_bytes > limit_bytes_) {
    return fail(Errc::kInvalid, fmt::format("the scene has {} bytes, this node keeps at most {}",
                                            size_bytes, limit_bytes_));
  }
  const std::lock_guard lock(mutex_);
  std::uint64_t used = 0;
  for (const auto& [name, bytes] : fetching_) used += bytes;
  for (const auto& [name, entry] : entries_) {
    if (!fetching_.contains(name)) used += entry.size_bytes;
  }
  while (used > limit_bytes_) {
    const auto dropped = drop_oldest_locked();
    if (!dropped) break;  // the rest is in use: over the limit for a while
    used -= *dropped;
  }
  return make_disk_room_locked(sha256, size_bytes);
}

Result<> SceneCache::make_disk_room_locked(const std::string& sha256, std::uint64_t size_bytes) {
  const std::uint64_t needed = size_bytes + awaited_bytes_locked(sha256);
  const std::uint64_t there = disk_room_();
  if (there >= needed) return {};
  std::uint64_t can_go = 0;
  for (const auto& [name, entry] : entries_) {
    if (may_go_locked(name, entry)) can_go += entry.size_bytes;
  }
  // Nothing goes in vain.
  if (can_go < needed - there) return no_disk_room(size_bytes);
  free_up_locked(needed - there);
  return {};
}

/// What downloads under way, but this one, will still write.
std::uint64_t SceneCache::awaited_bytes_locked(const std::string& but) const {
  std::uint64_t sum = 0;
  for (const auto& [name, bytes] : fetching_) {
    std::error_code error;
    if (name == but || fs::exists(path(name), error)) continue;
    const auto written = fs::file_size(part(name), error);
    sum += bytes - (error ? 0 : std::min<std::uint64_t>(bytes, written));
  }
  return sum;
}

std::unexpected<Error> SceneCache::no_disk_room(std::uint64_t size_bytes) const {
  return fail(Errc::kDenied,
              fmt::format("a scene of {} MiB has no room on the disk of {}, of which "
                          "limits.free_bytes stay free; free some space, or lower that",
                          (size_bytes >> 20) + 1, folder_.string()));
}

bool SceneCache::may_go_locked(const std::string& sha256, const Entry& entry) const {
  return entry.holds == 0 && !fetching_.contains(sha256);
}

std::optional<std::uint64_t> SceneCache::drop_oldest_locked() {
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!may_go_locked(entry->first, entry->second)) continue;
    if (oldest == entries_.end() || entry->second.last_used < oldest->second.last_used)
      oldest = entry;
  }
  if (oldest == entries_.end()) return std::nullopt;
  const std::uint64_t size = oldest->second.size_bytes;
  spdlog::info("scene leaves the cache scene={} size_bytes={}", oldest->first, size);
  std::error_code ignored;
  fs::remove(path(oldest->first), ignored);
  entries_.erase(oldest);
  return size;
}

void SceneCache::free_up(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_up_locked(bytes);
}

void SceneCache::free_up_locked(std::uint64_t bytes) {
  for (std::uint64_t freed = 0; freed < bytes;) {
    const auto dropped = drop_oldest_locked();
    if (!dropped) return;
    freed += *dropped;
  }
}

SceneCache::Hold SceneCache::hold_locked(const std::string& sha256) {
  Entry& entry = entries_[sha256];
  ++entry.holds;
  entry.last_used = ++clock_;
  std::error_code ignored;
  fs::last_write_time(path(sha256), fs::file_time_type::clock::now(), ignored);
  return Hold(this, sha256, path(sha256));
}

void SceneCache::release(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(sha256);
  if (entry != entries_.end() && entry->second.holds > 0) --entry->second.holds;
}

std::vector<std::string> SceneCache::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [name, entry] : entries_) order.emplace_back(entry.last_used, name);
  std::ranges::sort(order, std::greater<>());
  std::vector<std::string> out;
  for (auto& [used, name] : order) out.push_back(std::move(name));
  return out;
}

}  // namespace worldshare::agent
