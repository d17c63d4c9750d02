#include "agents/blender/artifact.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shared/image/canonical.h"

namespace worldshare::agent {
namespace {

Result<Bytes> read_regular_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const int fd = static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
  if (fd < 0) return fail(Errc::kCorrupt, "there is no image");
  struct stat status{};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!regular || size > limit_bytes) {
    ::close(fd);
    if (!regular) return fail(Errc::kCorrupt, "the image is not a regular file");
    return fail(Errc::kInvalid, fmt::format("the image is larger than {} bytes", limit_bytes));
  }
  Bytes bytes(size);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(fd);
  bytes.resize(filled);
  return bytes;
}

image::Format to_format(wire::ImageFormat format) {
  switch (format) {
    case wire::ImageFormat::jpeg: return image::Format::kJpeg;
    case wire::ImageFormat::exr: return image::Format::kExr;
    default: return image::Format::kPng;
  }
}

Result<> check_header(const image::Header& header, const RenderRequest& request) {
  const messages::Shard shard = shard_of(request);
  const auto box =
      messages::rendered_box(shard, messages::FrameSize{request.width, request.height});
  const bool part = messages::is_part_of_frame(shard);
  const image::Format format = part ? image::Format::kExr : to_format(request.format);
  const bool same_size = header.width == box.width() && header.height == box.height();
  const bool floats = header.floating_point && header.bits == 32 && header.channels == 4;
  if (header.format == format && same_size && (floats || !part)) return {};
  return fail(Errc::kCorrupt,
              fmt::format("the image is {} {}x{} with {} channels of {} bits, asked was {} {}x{}{}",
                          image::to_string(header.format), header.width, header.height,
                          header.channels, header.bits, image::to_string(format), box.width(),
                          box.height(), part ? " with 4 channels of 32 bits" : ""));
}

}  // namespace

Result<Bytes> read_artifact(const std::filesystem::path& image,
                            const RenderRequest& request,
                            std::uint64_t limit_bytes) {
  auto bytes = read_regular_file(image, limit_bytes);
  if (!bytes) return bytes;
  auto canonical = image::canonical(*bytes);
  if (!canonical) return canonical;
  auto header = image::read_header(*canonical);
  if (!header) return std::unexpected(header.error());
  if (auto ok = check_header(*header, request); !ok) return std::unexpected(ok.error());
  return canonical;
}

}  // namespace worldshare::agent
