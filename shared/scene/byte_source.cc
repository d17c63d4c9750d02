#include "shared/scene/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "shared/unique_handle.h"

namespace worldshare::scene {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<std::size_t> read(std::span<std::uint8_t> out) const {
    std::size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t got = ::read(fd_, out.data() + filled, out.size() - filled);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(Errc::kInternal, fmt::format("cannot read: {}", strerror(errno)));
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    return filled;
  }
  bool rewind() const { return ::lseek(fd_, 0, SEEK_SET) == 0; }
  bool advance(std::uint64_t count) const {
    return ::lseek(fd_, static_cast<off_t>(count), SEEK_CUR) >= 0;
  }

 private:
  int fd_;
};

Error too_large(std::uint64_t limit) {
  return {Errc::kDenied, fmt::format("the file unpacks to more than {} bytes", limit)};
}

class PlainSource final : public ByteSource {
 public:
  PlainSource(File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    auto got = file_.read(out);
    if (got) position_ += *got;
    return got;
  }
  Result<std::uint64_t> skip(std::uint64_t count) override {
    const std::uint64_t step = std::min(count, size_ - std::min(size_, position_));
    if (!file_.advance(step)) return fail(Errc::kInternal, "cannot seek");
    position_ += step;
    return step;
  }
  std::uint64_t position() const override { return position_; }
  std::string_view compression() const override { return "none"; }

 private:
  File file_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

/// What gzip and zstd share: packed input in chunks, a count of what came out, the limit.
class PackedSource : public ByteSource {
 public:
  PackedSource(File file, std::uint64_t limit)
      : file_(std::move(file)), limit_(limit), chunk_(kChunkBytes) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    std::size_t filled = 0;
    while (filled < out.size() && !finished_) {
      auto made = unpack(out.subspan(filled));
      if (!made) return std::unexpected(made.error());
      filled += *made;
      position_ += *made;
      if (position_ > limit_) return std::unexpected(too_large(limit_));
    }
    return filled;
  }
  std::uint64_t position() const override { return position_; }

 protected:
  /// Some unpacked bytes, perhaps none; sets finished_ at a clean end.
  virtual Result<std::size_t> unpack(std::span<std::uint8_t> out) = 0;

  /// The next packed bytes; empty at the end of the file.
  Result<std::span<const std::uint8_t>> next_chunk() {
    auto got = file_.read(chunk_);
    if (!got) return std::unexpected(got.error());
    return std::span<const std::uint8_t>(chunk_.data(), *got);
  }
  std::unexpected<Error> damaged(std::string_view why) const {
    return fail(Errc::kCorrupt, fmt::format("damaged {} data after {} unpacked bytes: {}",
                                            compression(), position_, why));
  }
  void finish() { finished_ = true; }

 private:
  File file_;
  std::uint64_t limit_;
  std::vector<std::uint8_t> chunk_;
  std::uint64_t position_ = 0;
  bool finished_ = false;
};

class GzipSource final : public PackedSource {
 public:
  GzipSource(File file, std::uint64_t limit) : PackedSource(std::move(file), limit) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    WS_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK, "zlib starts");
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  std::string_view compression() const override { return "gzip"; }

 private:
  Result<std::size_t> unpack(std::span<std::uint8_t> out) override {
    if (stream_.avail_in == 0) {
      auto chunk = next_chunk();
      if (!chunk) return std::unexpected(chunk.error());
      if (chunk->empty()) return damaged("cut off");
      stream_.next_in = const_cast<Bytef*>(chunk->data());
      stream_.avail_in = static_cast<uInt>(chunk->size());
    }
    const auto room = static_cast<uInt>(std::min(out.size(), kChunkBytes));
    stream_.next_out = out.data();
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      finish();
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return damaged(stream_.msg != nullptr ? stream_.msg : "bad stream");
    }
    return room - stream_.avail_out;
  }

  z_stream stream_{};
};

class ZstdSource final : public PackedSource {
 public:
  ZstdSource(File file, std::uint64_t limit) : PackedSource(std::move(file), limit) {
    WS_CHECK(stream_ != nullptr, "zstd starts");
  }
  std::string_view compression() const override { return "zstd"; }

 private:
  Result<std::size_t> unpack(std::span<std::uint8_t> out) override {
    if (input_.pos == input_.size) {
      auto chunk = next_chunk();
      if (!chunk) return std::unexpected(chunk.error());
      if (chunk->empty()) {
        if (inside_frame_) return damaged("cut off");
        finish();
        return 0;
      }
      input_ = {chunk->data(), chunk->size(), 0};
    }
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(stream_.get(), &output, &input_);
    if (ZSTD_isError(code) != 0U) return damaged(ZSTD_getErrorName(code));
    inside_frame_ = code != 0;
    return output.pos;
  }

  UniqueHandle<ZSTD_DStream, ZSTD_freeDStream> stream_{ZSTD_createDStream()};
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool inside_frame_ = true;
};

}  // namespace

Result<std::uint64_t> ByteSource::skip(std::uint64_t count) {
  std::array<std::uint8_t, 32 * 1024> ignored;
  std::uint64_t done = 0;
  while (done < count) {
    const auto want = std::min<std::uint64_t>(ignored.size(), count - done);
    auto got = read(std::span(ignored).first(static_cast<std::size_t>(want)));
    if (!got) return std::unexpected(got.error());
    done += *got;
    if (*got < want) break;
  }
  return done;
}

Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path,
                                                     std::uint64_t limit_plain_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    return fail(Errc::kNotFound, fmt::format("cannot open {}: {}", path.string(), strerror(errno)));
  }
  File file(fd);
  if (!S_ISREG(status.st_mode)) {
    return fail(Errc::kInvalid, path.string() + " is not a regular file");
  }
  std::array<std::uint8_t, 4> magic{};
  auto got = file.read(magic);
  if (!got || !file.rewind()) return fail(Errc::kNotFound, "cannot read " + path.string());
  constexpr std::array<std::uint8_t, 4> kZstd{0x28, 0xb5, 0x2f, 0xfd};
  if (magic == kZstd) return std::make_unique<ZstdSource>(std::move(file), limit_plain_bytes);
  if (magic[0] == 0x1f && magic[1] == 0x8b) {
    return std::make_unique<GzipSource>(std::move(file), limit_plain_bytes);
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit_plain_bytes) return std::unexpected(too_large(limit_plain_bytes));
  return std::make_unique<PlainSource>(std::move(file), size);
}

}  // namespace worldshare::scene
