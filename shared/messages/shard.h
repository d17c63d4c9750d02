#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "work_types.h"

namespace worldshare::messages {

/// Blender's own limits for frame numbers (MINAFRAME, MAXFRAME) and Cycles' for samples.
inline constexpr std::int32_t kFirstFrame = -1'048'574;
inline constexpr std::int32_t kLastFrame = 1'048'574;
inline constexpr std::uint32_t kMaxShardSamples = 1U << 24;
inline constexpr std::uint32_t kMaxShardFrames = 1000;
/// A feature of agents, in the sense of requirements.features: they render several frames in one
/// unit and hand them in as a bundle (shared/image/bundle.h).
inline constexpr const char* kSeveralFrames = "several_frames";
inline constexpr std::uint32_t kMaxTileMargin = 64;
/// Units that one frame may be divided into.
inline constexpr std::uint32_t kMaxFrameParts = 1024;

/// Pixels, counted from the left and from the top; the ends are exclusive.
struct PixelBox {
  std::uint32_t x0 = 0;
  std::uint32_t y0 = 0;
  std::uint32_t x1 = 0;
  std::uint32_t y1 = 0;

  std::uint32_t width() const { return x1 - x0; }
  std::uint32_t height() const { return y1 - y0; }
  bool operator==(const PixelBox&) const = default;
};

struct Tile {
  PixelBox box;
  /// So many pixels around the box are rendered and handed in too, as far as the frame reaches.
  std::uint32_t margin = 0;
  bool operator==(const Tile&) const = default;
};

/// Samples [first, first + count) of the `total` that every pixel of the frame gets.
struct SampleRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t total = 0;
  bool operator==(const SampleRange&) const = default;
};

/// What one unit renders of its job.
struct Shard {
  std::int32_t frame = 0;  ///< the first one
  std::uint32_t frame_count = 1;
  std::uint32_t frame_step = 1;             ///< 1 where there is one frame
  std::optional<Tile> tile = {};            ///< none: the whole picture
  std::optional<SampleRange> samples = {};  ///< none: all of them
  bool operator==(const Shard&) const = default;
};

/// One frame with all pixels and samples: what is rendered in the artist's own format. The artifact
/// of a part of a frame is a float OpenEXR file, without dither, compositing and denoising.
bool is_whole_frame(const Shard& shard);
/// A tile, a range of samples or both.
bool is_part_of_frame(const Shard& shard);
/// The numbers of its frames, in their order; of a part the frame that it is a part of.
std::vector<std::int32_t> frames_of(const Shard& shard);
bool has_frame(const Shard& shard, std::int32_t frame);

struct FrameSize {
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
};

/// The pixels that are handed in: the tile with its margin, or the whole picture.
PixelBox rendered_box(const Shard& shard, const FrameSize& frame);

/// kInvalid, with what is wrong: outside the frame, empty, beyond a limit, or the long form of a
/// shorter shard (a tile or a range that is all of its frame), so that equal shards are equal.
Result<> check(const Shard& shard, const FrameSize& frame);

/// "frame=7", "frame=7 count=3 step=2", "frame=7 tile=0,0,64,48 margin=4 samples=0+64/256": for
/// tickets, rows and logs. One shard has one text.
std::string shard_text(const Shard& shard);
/// The inverse; kInvalid for anything that shard_text() does not write.
Result<Shard> parse_shard(std::string_view text);

/// Null for a whole frame.
std::unique_ptr<wire::ShardT> to_wire(const Shard& shard);
/// What an assignment asks for. kInvalid as check() says.
Result<Shard> shard_of(const wire::AssignmentT& assignment);

}  // namespace worldshare::messages
