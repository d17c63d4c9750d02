#include "shared/blobs/store.h"

#include "shared/blobs/directory_backend.h"

namespace worldshare::blobs {
namespace {

void check_name(const std::string& sha256) {
  WS_CHECK(is_sha256_hex(sha256), "a blob's name is its SHA-256");
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& root) {
  auto backend = DirectoryBackend::open(root);
  if (!backend) return std::unexpected(backend.error());
  return Store(std::move(*backend));
}

Result<std::uint64_t> Store::size(const std::string& sha256) const {
  check_name(sha256);
  return backend_->size(sha256);
}

Result<Bytes> Store::read(const std::string& sha256, std::uint64_t limit_bytes) const {
  Bytes storage;
  const auto bytes = load(sha256, limit_bytes, storage);
  if (!bytes) return std::unexpected(bytes.error());
  if (to_hex(worldshare::sha256(*bytes)) != sha256)
    return fail(Errc::kCorrupt, "blob " + sha256 + " is damaged");
  storage.resize(bytes->size());
  return storage;
}

Result<ByteView> Store::load(const std::string& sha256,
                             std::uint64_t limit_bytes,
                             Bytes& storage) const {
  check_name(sha256);
  return backend_->load(sha256, limit_bytes, storage);
}

Result<std::filesystem::path> Store::file(const std::string& sha256) const {
  check_name(sha256);
  return backend_->file(sha256);
}

Result<Store::Upload> Store::begin(const std::string& sha256, std::uint64_t size_bytes) const {
  check_name(sha256);
  auto sink = backend_->begin(sha256, size_bytes);
  if (!sink) return std::unexpected(sink.error());
  Upload upload;
  upload.sha256_ = sha256;
  upload.expected_bytes_ = size_bytes;
  upload.sink_ = std::move(*sink);
  return upload;
}

Result<> Store::keep(const std::string& sha256, ByteView bytes) const {
  if (size(sha256)) return {};
  auto upload = begin(sha256, bytes.size());
  if (!upload) return std::unexpected(upload.error());
  if (auto ok = upload->write(bytes); !ok) return ok;
  return upload->commit();
}

Result<> Store::Upload::write(ByteView bytes) {
  written_bytes_ += bytes.size();
  if (written_bytes_ > expected_bytes_) {
    return fail(Errc::kInvalid,
                "more than the announced " + std::to_string(expected_bytes_) + " bytes");
  }
  hash_.update(bytes);
  return sink_->write(bytes);
}

Result<> Store::Upload::commit() {
  if (written_bytes_ != expected_bytes_) {
    return fail(Errc::kCorrupt, std::to_string(written_bytes_) + " bytes came, " +
                                    std::to_string(expected_bytes_) + " were announced");
  }
  if (to_hex(hash_.finish()) != sha256_)
    return fail(Errc::kCorrupt, "the bytes do not match the SHA-256 " + sha256_);
  return sink_->commit();
}

Result<> Store::adopt(const std::string& sha256, const std::filesystem::path& file) const {
  check_name(sha256);
  const auto digest = sha256_file(file);
  if (!digest) return std::unexpected(digest.error());
  if (to_hex(*digest) != sha256)
    return fail(Errc::kCorrupt, "the bytes do not match the SHA-256 " + sha256);
  return backend_->adopt(sha256, file);
}

std::optional<Grant> Store::grant_get(const std::string& sha256,
                                      std::chrono::seconds lifetime) const {
  check_name(sha256);
  return backend_->grant_get(sha256, lifetime);
}

std::optional<Grant> Store::grant_put(const std::string& sha256,
                                      std::uint64_t size_bytes,
                                      const std::string& lease,
                                      std::chrono::seconds lifetime) const {
  check_name(sha256);
  return backend_->grant_put(sha256, size_bytes, lease, lifetime);
}

Result<> Store::admit(const std::string& sha256,
                      std::uint64_t size_bytes,
                      const std::string& lease) const {
  check_name(sha256);
  return backend_->admit(sha256, size_bytes, lease);
}

Result<std::vector<Backend::Listed>> Store::list(const std::string& after,
                                                 std::size_t limit) const {
  return backend_->list(after, limit);
}

Result<Backend::Listed> Store::stat(const std::string& sha256) const {
  check_name(sha256);
  return backend_->stat(sha256);
}

Result<> Store::remove(const std::string& sha256) const {
  check_name(sha256);
  return backend_->remove(sha256);
}

Result<std::uint64_t> Store::drop_leftovers(Clock::TimePoint before) const {
  return backend_->drop_leftovers(before);
}

}  // namespace worldshare::blobs
