#include "shared/blobs/s3_backend.h"

#include <array>
#include <fstream>
#include <limits>

#include "shared/blobs/file_bytes.h"
#include "shared/crypto.h"
#include "shared/log.h"

namespace worldshare::blobs {
namespace {

constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kPiece = 1U << 20;

/// For who asks for a blob, a store that does not let us in is one that is not there.
Error for_readers(Error error) {
  const bool of_the_blob = error.code == Errc::kNotFound || error.code == Errc::kCorrupt;
  if (!of_the_blob && !is_retryable(error.code)) error.code = Errc::kUnavailable;
  if (error.code == Errc::kConflict) error.code = Errc::kUnavailable;
  return error;
}

template <class T>
Result<T> for_readers(Result<T> outcome) {
  if (outcome) return outcome;
  return std::unexpected(for_readers(std::move(outcome.error())));
}

/// Small blobs go at once, larger ones in parts, so that no more than a part is held in memory.
class S3Sink final : public Backend::Sink {
 public:
  S3Sink(const S3Client& client, std::string key, std::size_t part_bytes)
      : client_(client), key_(std::move(key)), part_bytes_(part_bytes) {}
  ~S3Sink() override {
    if (upload_.empty()) return;
    if (auto dropped = client_.drop_parts(key_, upload_); !dropped)
      spdlog::warn("an upload stays unfinished key={} error=\"{}\"", key_, dropped.error().message);
  }
  S3Sink(const S3Sink&) = delete;
  S3Sink& operator=(const S3Sink&) = delete;

  Result<> write(ByteView bytes) override {
    while (!bytes.empty()) {
      // A full part waits for the next byte: the last part may not be empty.
      if (waiting_.size() == part_bytes_) {
        if (auto sent = send_part(); !sent) return sent;
      }
      const auto count = std::min(bytes.size(), part_bytes_ - waiting_.size());
      waiting_.insert(waiting_.end(), bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(count));
      bytes = bytes.subspan(count);
    }
    return {};
  }
  Result<> commit() override {
    if (upload_.empty()) return for_readers(client_.put(key_, waiting_));
    if (auto sent = send_part(); !sent) return sent;
    auto ended = for_readers(client_.end_parts(key_, upload_, etags_));
    if (ended) upload_.clear();
    return ended;
  }

 private:
  Result<> send_part() {
    if (upload_.empty()) {
      auto begun = for_readers(client_.begin_parts(key_));
      if (!begun) return std::unexpected(begun.error());
      upload_ = std::move(*begun);
    }
    auto etag = for_readers(client_.put_part(key_, upload_, etags_.size() + 1, waiting_));
    if (!etag) return std::unexpected(etag.error());
    etags_.push_back(std::move(*etag));
    waiting_.clear();
    return {};
  }

  const S3Client& client_;
  const std::string key_;
  const std::size_t part_bytes_;
  Bytes waiting_;
  std::string upload_;  ///< of an upload in parts that was begun and not ended
  std::vector<std::string> etags_;
};

}  // namespace

S3Backend::S3Backend(const Options& options, std::unique_ptr<LocalCopies> copies)
    : options_(options), client_(options.store), copies_(std::move(copies)) {}

Result<std::shared_ptr<const Backend>> S3Backend::open(const Options& options) {
  auto copies = LocalCopies::open(options.folder, options.copies_bytes);
  if (!copies) return std::unexpected(copies.error());
  std::shared_ptr<const S3Backend> backend(new S3Backend(options, std::move(*copies)));
  const auto there = backend->client_.list(options.prefix + "blobs/", "", 1);
  if (!there) return std::unexpected(there.error());
  return backend;
}

std::string S3Backend::key(const std::string& sha256) const {
  return options_.prefix + "blobs/" + sha256;
}

std::string S3Backend::incoming_key(const std::string& lease) const {
  return options_.prefix + "incoming/" + lease;
}

Result<Backend::Listed> S3Backend::stat(const std::string& sha256) const {
  const auto object = for_readers(client_.head(key(sha256)));
  if (!object) return std::unexpected(object.error());
  return Listed{sha256, object->size_bytes, object->stored_at};
}

Result<std::uint64_t> S3Backend::size(const std::string& sha256) const {
  const auto object = stat(sha256);
  if (!object) return std::unexpected(object.error());
  return object->size_bytes;
}

Result<std::filesystem::path> S3Backend::copy_of(const std::string& sha256,
                                                 std::uint64_t limit_bytes) const {
  return copies_->get(sha256, [&](const std::filesystem::path& file) -> Result<> {
    const auto etag = client_.get_file(key(sha256), file, limit_bytes);
    if (etag) return {};
    // A limit is the caller's.
    if (etag.error().code == Errc::kInvalid && limit_bytes != kAnySize)
      return std::unexpected(etag.error());
    return std::unexpected(for_readers(etag.error()));
  });
}

Result<std::filesystem::path> S3Backend::file(const std::string& sha256) const {
  return copy_of(sha256, kAnySize);
}

Result<ByteView> S3Backend::load(const std::string& sha256,
                                 std::uint64_t limit_bytes,
                                 Bytes& storage) const {
  const auto path = copy_of(sha256, limit_bytes);
  if (!path) return std::unexpected(path.error());
  return file_bytes(*path, limit_bytes, storage);
}

Result<std::unique_ptr<Backend::Sink>> S3Backend::begin(const std::string& sha256,
                                                        std::uint64_t) const {
  return std::make_unique<S3Sink>(client_, key(sha256), options_.part_bytes);
}

Result<> S3Backend::adopt(const std::string& sha256, const std::filesystem::path& file) const {
  S3Sink sink(client_, key(sha256), options_.part_bytes);
  std::ifstream in(file, std::ios::binary);
  std::vector<char> piece(kPiece);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto count = static_cast<std::size_t>(in.gcount());
    if (auto ok = sink.write(as_bytes({piece.data(), count})); !ok) return ok;
  }
  if (!in.eof()) return fail(Errc::kUnavailable, "cannot read " + file.string());
  if (auto ok = sink.commit(); !ok) return ok;
  copies_->keep(sha256, file);  // whoever sent a scene has it looked into next
  return {};
}

Result<> S3Backend::remove(const std::string& sha256) const {
  copies_->drop(sha256);
  return for_readers(client_.remove(key(sha256)));
}

Result<std::vector<Backend::Listed>> S3Backend::list(const std::string& after,
                                                     std::size_t limit) const {
  const std::string first = key(after);
  const auto objects = for_readers(client_.list(key(""), after.empty() ? "" : first, limit));
  if (!objects) return std::unexpected(objects.error());
  std::vector<Listed> out;
  for (const auto& object : *objects) {
    std::string name = object.key.substr(std::min(object.key.size(), key("").size()));
    // What else lies there is not ours.
    if (is_sha256_hex(name)) out.push_back({std::move(name), object.size_bytes, object.stored_at});
  }
  return out;
}

Result<std::uint64_t> S3Backend::drop_leftovers(Clock::TimePoint before) const {
  std::uint64_t count = 0;
  const auto incoming = for_readers(client_.list(incoming_key(""), "", 1000));
  if (!incoming) return std::unexpected(incoming.error());
  for (const auto& object : *incoming) {
    if (object.stored_at >= before) continue;
    if (auto ok = for_readers(client_.remove(object.key)); !ok) return std::unexpected(ok.error());
    ++count;
  }
  const auto uploads = client_.open_uploads(key(""));
  if (!uploads) return count;  // not every store can tell
  for (const auto& upload : *uploads) {
    if (upload.begun_at >= before) continue;
    if (client_.drop_parts(upload.key, upload.upload)) ++count;
  }
  return count;
}

std::string S3Backend::trouble() const {
  const auto there = client_.list(key(""), "", 1);
  return there ? "" : there.error().message;
}

std::optional<Grant> S3Backend::grant_get(const std::string& sha256,
                                          std::chrono::seconds lifetime) const {
  return client_.grant_get(key(sha256), lifetime);
}

std::optional<Grant> S3Backend::grant_put(const std::string& sha256,
                                          std::uint64_t size_bytes,
                                          const std::string& lease,
                                          std::chrono::seconds lifetime) const {
  return client_.grant_put(incoming_key(lease), size_bytes, sha256, lifetime);
}

Result<> S3Backend::admit(const std::string& sha256,
                          std::uint64_t size_bytes,
                          const std::string& lease) const {
  const auto there = size(sha256);
  if (!there && there.error().code != Errc::kNotFound) return std::unexpected(there.error());
  const std::string from = incoming_key(lease);
  if (there && *there == size_bytes) {
    (void)client_.remove(from);  // of another replica with the same picture, if it came
    return {};
  }
  const auto object = for_readers(client_.head(from));
  if (!object) return std::unexpected(object.error());
  if (object->size_bytes != size_bytes) {
    (void)client_.remove(from);
    return fail(Errc::kCorrupt, "what was handed in has another size than was committed to");
  }
  return take(sha256, size_bytes, from);
}

/// The bytes are hashed here and copied there, where their agent may replace them in between: the
/// copy is asked for of exactly the object that was hashed, and where a store does not heed that,
/// its ETag tells.
Result<> S3Backend::take(const std::string& sha256,
                         std::uint64_t size_bytes,
                         const std::string& from) const {
  std::string etag;
  const auto hashed = copies_->get(sha256, [&](const std::filesystem::path& file) -> Result<> {
    auto got = client_.get_file(from, file, size_bytes);
    if (!got) return std::unexpected(for_readers(got.error()));
    etag = std::move(*got);
    return {};
  });
  if (!hashed && hashed.error().code == Errc::kCorrupt) (void)client_.remove(from);
  if (!hashed) return std::unexpected(hashed.error());
  if (etag.empty()) {  // another lease's bytes were hashed meanwhile; these were not
    copies_->drop(sha256);
    return fail(Errc::kUnavailable, "another lease hands in the same blob just now");
  }
  const auto copied = client_.copy(from, key(sha256), etag);
  if (!copied) {
    copies_->drop(sha256);
    return std::unexpected(for_readers(copied.error()));
  }
  if (*copied != etag) {
    copies_->drop(sha256);
    const auto proof = file(sha256);
    if (!proof && proof.error().code == Errc::kCorrupt) (void)remove(sha256);
    if (!proof) return fail(Errc::kUnavailable, "what was handed in changed meanwhile");
  }
  (void)client_.remove(from);
  return {};
}

}  // namespace worldshare::blobs
