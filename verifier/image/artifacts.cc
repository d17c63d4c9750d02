#include "verifier/image/artifacts.h"

#include <algorithm>

namespace worldshare::verifier {
namespace {

/// What was decoded under one job's limits says nothing about another's.
std::string key_of(const std::string& sha256, const ImageLimits& limits) {
  return sha256 + " " + std::string(to_string(limits.format)) + " " + std::to_string(limits.width) +
         "x" + std::to_string(limits.height) + (limits.float_rgba ? " float" : "");
}

}  // namespace

Artifacts::Artifacts(blobs::Store store,
                     std::uint64_t file_bytes,
                     std::uint64_t cache_bytes,
                     std::uint64_t decoding_bytes,
                     PictureMemory* memory)
    : store_(std::move(store)),
      file_bytes_(file_bytes),
      cache_bytes_(cache_bytes),
      memory_(memory),
      decoding_(decoding_bytes) {}

Result<Picture> Artifacts::get(const std::string& sha256, const ImageLimits& limits) {
  const std::string key = key_of(sha256, limits);
  Picture out;
  if (find(key, out)) return out;
  auto image = read(sha256, limits);
  if (image) keep(key, *image);
  return image;
}

Result<Picture> Artifacts::read(const std::string& sha256, const ImageLimits& limits) {
  const auto size = store_.size(sha256);
  if (!size) return fail(Errc::kNotFound, "there is no blob " + sha256);
  const auto loan = decoding_.take(decoding_bytes(limits, std::min(*size, file_bytes_)));
  if (!loan) return std::unexpected(loan.error());
  const auto bytes = store_.read(sha256, file_bytes_);
  if (!bytes) return std::unexpected(bytes.error());
  return decode(*bytes, limits, memory_);
}

bool Artifacts::find(const std::string& key, Picture& out) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  entries_.splice(entries_.begin(), entries_, found->second);
  out = found->second->image;
  return true;
}

void Artifacts::keep(const std::string& key, const Picture& image) {
  const std::lock_guard lock(mutex_);
  if (image.shape().size_bytes() > cache_bytes_ || index_.contains(key)) return;
  entries_.push_front({key, image});
  index_[key] = entries_.begin();
  held_bytes_ += image.shape().size_bytes();
  while (held_bytes_ > cache_bytes_) {
    held_bytes_ -= entries_.back().image.shape().size_bytes();
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace worldshare::verifier
