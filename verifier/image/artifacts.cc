#include "verifier/image/artifacts.h"

#include <algorithm>
#include <array>

#include "shared/crypto.h"
#include "verifier/image/same_payload.h"

namespace worldshare::verifier {
namespace {

/// What was found out under one job's limits says nothing about another's.
std::string key_of(const std::string& sha256, const ImageLimits& limits) {
  return sha256 + " " + std::string(to_string(limits.format)) + " " + std::to_string(limits.width) +
         "x" + std::to_string(limits.height) + (limits.float_rgba ? " float" : "") +
         (limits.frames > 1 ? " x" + std::to_string(limits.frames) : "");
}

/// The memory of this thread that files are read into: fresh pages cost more than the copy.
std::array<Bytes, 2>& file_storage() {
  thread_local std::array<Bytes, 2> storage;
  return storage;
}

/// Gives back what a huge file needed, when it goes.
class FileStorage {
 public:
  FileStorage() : storage_(file_storage()) {}
  FileStorage(const FileStorage&) = delete;
  FileStorage& operator=(const FileStorage&) = delete;
  ~FileStorage() {
    for (Bytes& bytes : storage_) {
      if (bytes.size() > kKeptFileBytes) Bytes().swap(bytes);
    }
  }
  Bytes& operator[](std::size_t i) { return storage_[i]; }

 private:
  std::array<Bytes, 2>& storage_;
};

}  // namespace

Artifacts::Artifacts(blobs::Store store, const ArtifactOptions& options, PictureMemory* memory)
    : store_(std::move(store)),
      options_(options),
      memory_(memory),
      decoding_(options.decoding_bytes),
      known_(options.known) {}

std::uint64_t Artifacts::file_size(const std::string& sha256) const {
  return std::min(store_.size(sha256).value_or(0), options_.file_bytes);
}

Result<ByteView> Artifacts::load(const std::string& sha256,
                                 image::Format format,
                                 Bytes& storage) const {
  auto bytes = store_.load(sha256, options_.file_bytes, storage);
  const bool checks_itself = format == image::Format::kPng;  // and each one of a bundle does
  if (bytes && !checks_itself && to_hex(worldshare::sha256(*bytes)) != sha256) {
    return fail(Errc::kCorrupt, "blob " + sha256 + " is damaged");
  }
  return bytes;
}

template <class Use>
auto Artifacts::with_file(const std::string& sha256,
                          const ImageLimits& limits,
                          std::uint64_t memory_bytes,
                          Use use) -> decltype(use(ByteView{})) {
  const auto loan = decoding_.take(memory_bytes);
  if (!loan) return std::unexpected(loan.error());
  FileStorage storage;
  const auto bytes = load(sha256, limits.format, storage[0]);
  if (!bytes) return std::unexpected(bytes.error());
  return use(*bytes);
}

/// To be decoded one after the other.
template <class Use>
auto Artifacts::with_files(const std::string& a,
                           const std::string& b,
                           const ImageLimits& limits,
                           Use use) -> decltype(use(ByteView{}, ByteView{})) {
  const auto loan = decoding_.take(decoding_bytes(limits, file_size(a) + file_size(b)));
  if (!loan) return std::unexpected(loan.error());
  FileStorage storage;
  const auto left = load(a, limits.format, storage[0]);
  if (!left) return std::unexpected(left.error());
  const auto right = load(b, limits.format, storage[1]);
  if (!right) return std::unexpected(right.error());
  return use(*left, *right);
}

Result<> Artifacts::examine(const std::string& sha256, const ImageLimits& limits) {
  const std::string key = key_of(sha256, limits);
  if (known_.of(key) != Knowledge::kNone) return {};
  if (!has_structure(limits.format)) {
    if (limits.frames > 1) return prove(sha256, limits);
    const auto picture = get(sha256, limits);
    return picture ? Result<>{} : std::unexpected(picture.error());
  }
  auto outcome = with_file(sha256, limits, file_size(sha256),
                           [&](ByteView bytes) { return check_structure(bytes, limits); });
  if (outcome) known_.learn(key, Knowledge::kStructure);
  return outcome;
}

Result<> Artifacts::prove(const std::string& sha256, const ImageLimits& limits) {
  const std::string key = key_of(sha256, limits);
  if (known_.of(key) == Knowledge::kDecodes) return {};
  auto outcome = with_file(sha256, limits, decoding_bytes(limits, file_size(sha256)),
                           [&](ByteView bytes) { return check_decodes(bytes, limits); });
  if (outcome) known_.learn(key, Knowledge::kDecodes);
  return outcome;
}

Result<Picture> Artifacts::decoded(ByteView bytes,
                                   const std::string& key,
                                   const ImageLimits& limits) {
  auto image = decode(bytes, limits, memory_);
  if (!image) return image;
  known_.learn(key, Knowledge::kDecodes);
  keep(key, *image);
  return image;
}

Result<Picture> Artifacts::get(const std::string& sha256, const ImageLimits& limits) {
  const std::string key = key_of(sha256, limits);
  Picture out;
  if (find(key, out)) return out;
  return with_file(sha256, limits, decoding_bytes(limits, file_size(sha256)),
                   [&](ByteView bytes) { return decoded(bytes, key, limits); });
}

Result<ArtifactPair> Artifacts::get_pair(const std::string& a,
                                         const std::string& b,
                                         const ImageLimits& limits) {
  const std::string key_a = key_of(a, limits);
  const std::string key_b = key_of(b, limits);
  ArtifactPair out;
  if (find(key_a, *out.a) && find(key_b, *out.b)) return out;
  return with_files(a, b, limits, [&](ByteView left, ByteView right) -> Result<ArtifactPair> {
    const auto same = same_payload(left, right);
    if (!same) return std::unexpected(same.error());
    out.same_payload = *same;
    if (out.same_payload) return out;
    if (out.a->empty()) out.a = decoded(left, key_a, limits);
    if (!find(key_b, *out.b)) out.b = decoded(right, key_b, limits);
    return out;
  });
}

Result<> Artifacts::get_pairs(const std::string& a,
                              const std::string& b,
                              const ImageLimits& limits,
                              const std::function<Result<>(ArtifactPair)>& use) {
  const ImageLimits one = each_of(limits);
  return with_files(a, b, limits, [&](ByteView left, ByteView right) -> Result<> {
    const auto lefts = pictures_in(left, limits);
    if (!lefts) return std::unexpected(lefts.error());
    const auto rights = pictures_in(right, limits);
    if (!rights) return std::unexpected(rights.error());
    for (std::size_t i = 0; i < lefts->size(); ++i) {
      ArtifactPair pair;
      const auto same = same_payload((*lefts)[i], (*rights)[i]);
      if (!same) return std::unexpected(same.error());
      pair.same_payload = *same;
      if (!pair.same_payload) {
        pair.a = decode((*lefts)[i], one, memory_);
        pair.b = decode((*rights)[i], one, memory_);
      }
      if (auto ok = use(std::move(pair)); !ok) return ok;
    }
    return {};
  });
}

Result<std::vector<StoredImage>> Artifacts::unpack(const std::string& sha256,
                                                   const ImageLimits& limits) {
  using Images = Result<std::vector<StoredImage>>;
  return with_file(sha256, limits, file_size(sha256), [&](ByteView bytes) -> Images {
    const auto pictures = pictures_in(bytes, limits);
    if (!pictures) return std::unexpected(pictures.error());
    std::vector<StoredImage> out;
    for (const ByteView picture : *pictures) {
      out.push_back({to_hex(worldshare::sha256(picture)), picture.size()});
      if (auto ok = store_.keep(out.back().sha256, picture); !ok)
        return std::unexpected(ok.error());
    }
    return out;
  });
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
  if (image.shape().size_bytes() > options_.cache_bytes || index_.contains(key)) return;
  entries_.push_front({key, image});
  index_[key] = entries_.begin();
  held_bytes_ += image.shape().size_bytes();
  while (held_bytes_ > options_.cache_bytes) {
    held_bytes_ -= entries_.back().image.shape().size_bytes();
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace worldshare::verifier
