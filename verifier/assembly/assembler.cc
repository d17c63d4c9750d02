#include "verifier/assembly/assembler.h"

#include "shared/crypto.h"
#include "shared/ids.h"
#include "verifier/assembly/float_file.h"

namespace worldshare::verifier {
namespace {

/// A folder of one frame, removed with what is in it.
class Workplace {
 public:
  static Result<Workplace> make(const std::filesystem::path& scratch) {
    Workplace out;
    out.path_ = scratch / ("frame-" + new_id());
    std::error_code error;
    std::filesystem::create_directories(out.path_, error);
    if (error) return fail(Errc::kUnavailable, "cannot create " + out.path_.string());
    return out;
  }
  Workplace(Workplace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Workplace& operator=(Workplace&&) = delete;
  ~Workplace() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  Workplace() = default;
  std::filesystem::path path_;
};

/// Blender wants the ending. Another name of the same file, so that it costs nothing.
Result<std::filesystem::path> named_scene(const std::filesystem::path& blob,
                                          const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path out = folder / "scene.blend";
  std::filesystem::create_hard_link(blob, out, error);
  if (error) std::filesystem::copy_file(blob, out, error);
  if (error) return fail(Errc::kUnavailable, "the scene cannot be read: " + error.message());
  return out;
}

}  // namespace

Result<StoredImage> Assembler::make_frame(const FrameParts& frame, const std::stop_token& stop) {
  const auto place = Workplace::make(std::filesystem::absolute(options_.scratch));
  if (!place) return std::unexpected(place.error());
  const auto blob = artifacts_.store().file(frame.scene);
  if (!blob) return std::unexpected(blob.error());
  const auto scene = named_scene(*blob, place->path());
  if (!scene) return std::unexpected(scene.error());
  FinishOrder order;
  order.scene = *scene;
  order.picture = place->path() / "assembled.exr";
  order.scratch = place->path();
  order.output = frame.output;
  {
    const auto picture = assemble_parts(frame);
    if (!picture) return std::unexpected(picture.error());
    if (auto ok = write_float_file(order.picture, *picture); !ok) {
      return std::unexpected(ok.error());
    }
  }
  order.frame = frame.parts.front().shard.frame;
  const auto image = finish(options_.finisher, order, stop);
  if (!image) return std::unexpected(image.error());
  StoredImage out{to_hex(sha256(*image)), image->size()};
  if (auto ok = artifacts_.store().keep(out.sha256, *image); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<Picture> Assembler::assemble_parts(const FrameParts& frame) {
  const messages::FrameSize size{frame.output.width, frame.output.height};
  std::vector<messages::Shard> shards;
  for (const auto& part : frame.parts) shards.push_back(part.shard);
  if (assembling_bytes(shards, size) > options_.memory_bytes) {
    return fail(Errc::kDenied, "the frame needs more memory than assembly.memory_bytes");
  }
  return assemble(shards, size, [&](std::size_t n) {
    return artifacts_.get(frame.parts[n].artifact, part_limits(shards[n], size));
  });
}

bool Assembler::holds(const StoredImage& image) const {
  const auto size = artifacts_.store().size(image.sha256);
  return size && *size == image.size_bytes;
}

}  // namespace worldshare::verifier
