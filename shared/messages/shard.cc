#include "shared/messages/shard.h"

#include <algorithm>
#include <charconv>

namespace worldshare::messages {
namespace {

std::unexpected<Error> wrong(const std::string& what) {
  return fail(Errc::kInvalid, "shard: " + what);
}

Result<> check_frames(const Shard& shard) {
  if (shard.frame_count < 1 || shard.frame_count > kMaxShardFrames) return wrong("frame count");
  if (shard.frame_step < 1) return wrong("frame step");
  if (shard.frame_count == 1 && shard.frame_step != 1) return wrong("a step without frames");
  const std::int64_t last =
      shard.frame + std::int64_t{shard.frame_count - 1} * std::int64_t{shard.frame_step};
  if (shard.frame < kFirstFrame || last > kLastFrame)
    return wrong("frames beyond Blender's limits");
  return {};
}

Result<> check_tile(const Tile& tile, const FrameSize& frame) {
  const PixelBox& box = tile.box;
  if (box.x0 >= box.x1 || box.y0 >= box.y1) return wrong("the tile is empty");
  if (box.x1 > frame.width || box.y1 > frame.height) return wrong("the tile leaves the frame");
  if (box == PixelBox{0, 0, frame.width, frame.height}) return wrong("the tile is the whole frame");
  if (tile.margin > kMaxTileMargin) return wrong("the margin is too wide");
  return {};
}

Result<> check_samples(const SampleRange& range) {
  if (range.total < 1 || range.total > kMaxShardSamples) return wrong("number of samples");
  if (range.count < 1 || range.first >= range.total || range.count > range.total - range.first) {
    return wrong("the samples are not within their total");
  }
  if (range.count == range.total) return wrong("the samples are all there are");
  return {};
}

/// Reads `text` as literals and numbers by turns, from its beginning.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool literal(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  template <class Number>
  bool number(Number& out) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool scan_tile(Scanner& scanner, Tile& out) {
  PixelBox& box = out.box;
  if (!scanner.number(box.x0) || !scanner.literal(",") || !scanner.number(box.y0) ||
      !scanner.literal(",") || !scanner.number(box.x1) || !scanner.literal(",") ||
      !scanner.number(box.y1)) {
    return false;
  }
  return !scanner.literal(" margin=") || scanner.number(out.margin);
}

bool scan_samples(Scanner& scanner, SampleRange& out) {
  return scanner.number(out.first) && scanner.literal("+") && scanner.number(out.count) &&
         scanner.literal("/") && scanner.number(out.total);
}

bool scan(Scanner& scanner, Shard& out) {
  if (!scanner.literal("frame=") || !scanner.number(out.frame)) return false;
  if (scanner.literal(" count=") && !scanner.number(out.frame_count)) return false;
  if (scanner.literal(" step=") && !scanner.number(out.frame_step)) return false;
  if (scanner.literal(" tile=") && !scan_tile(scanner, out.tile.emplace())) return false;
  if (scanner.literal(" samples=") && !scan_samples(scanner, out.samples.emplace())) return false;
  return scanner.at_end();
}

}  // namespace

bool is_part_of_frame(const Shard& shard) { return shard.tile || shard.samples; }

bool is_whole_frame(const Shard& shard) {
  return shard.frame_count == 1 && !is_part_of_frame(shard);
}

std::vector<std::int32_t> frames_of(const Shard& shard) {
  std::vector<std::int32_t> out;
  for (std::uint32_t i = 0; i < shard.frame_count; ++i)
    out.push_back(shard.frame + static_cast<std::int32_t>(i * shard.frame_step));
  return out;
}

bool has_frame(const Shard& shard, std::int32_t frame) {
  const auto offset = std::int64_t{frame} - shard.frame;
  return offset >= 0 && offset % shard.frame_step == 0 &&
         offset / shard.frame_step < shard.frame_count;
}

PixelBox rendered_box(const Shard& shard, const FrameSize& frame) {
  if (!shard.tile) return {0, 0, frame.width, frame.height};
  const auto& [box, margin] = *shard.tile;
  return {box.x0 - std::min(box.x0, margin), box.y0 - std::min(box.y0, margin),
          box.x1 + std::min(frame.width - box.x1, margin),
          box.y1 + std::min(frame.height - box.y1, margin)};
}

Result<> check(const Shard& shard, const FrameSize& frame) {
  if (auto ok = check_frames(shard); !ok) return ok;
  if (shard.tile) {
    if (auto ok = check_tile(*shard.tile, frame); !ok) return ok;
  }
  return shard.samples ? check_samples(*shard.samples) : Result<>{};
}

std::string shard_text(const Shard& shard) {
  const auto number = [](auto value) { return std::to_string(value); };
  std::string out = "frame=" + number(shard.frame);
  if (shard.frame_count != 1) out += " count=" + number(shard.frame_count);
  if (shard.frame_step != 1) out += " step=" + number(shard.frame_step);
  if (shard.tile) {
    const PixelBox& box = shard.tile->box;
    out += " tile=" + number(box.x0) + "," + number(box.y0) + "," + number(box.x1) + "," +
           number(box.y1);
    if (shard.tile->margin != 0) out += " margin=" + number(shard.tile->margin);
  }
  if (shard.samples) {
    out += " samples=" + number(shard.samples->first) + "+" + number(shard.samples->count) + "/" +
           number(shard.samples->total);
  }
  return out;
}

Result<Shard> parse_shard(std::string_view text) {
  Shard out;
  Scanner scanner(text);
  if (!scan(scanner, out) || shard_text(out) != text) {
    return wrong("not written as one: \"" + std::string(text.substr(0, 100)) + "\"");
  }
  return out;
}

std::unique_ptr<wire::ShardT> to_wire(const Shard& shard) {
  if (is_whole_frame(shard)) return nullptr;
  auto out = std::make_unique<wire::ShardT>();
  out->frame_count = shard.frame_count;
  out->frame_step = shard.frame_step;
  if (shard.tile) {
    const auto& [box, margin] = *shard.tile;
    out->tile = std::make_unique<wire::TileT>();
    out->tile->x0 = box.x0;
    out->tile->y0 = box.y0;
    out->tile->x1 = box.x1;
    out->tile->y1 = box.y1;
    out->tile->margin = margin;
  }
  if (shard.samples) {
    out->samples = std::make_unique<wire::SamplesT>();
    out->samples->first = shard.samples->first;
    out->samples->count = shard.samples->count;
    out->samples->total = shard.samples->total;
  }
  return out;
}

Result<Shard> shard_of(const wire::AssignmentT& assignment) {
  Shard out;
  out.frame = assignment.frame;
  if (assignment.shard) {
    const wire::ShardT& from = *assignment.shard;
    out.frame_count = from.frame_count;
    out.frame_step = from.frame_step;
    if (from.tile) {
      out.tile =
          Tile{{from.tile->x0, from.tile->y0, from.tile->x1, from.tile->y1}, from.tile->margin};
    }
    if (from.samples) {
      out.samples = SampleRange{from.samples->first, from.samples->count, from.samples->total};
    }
  }
  if (!assignment.output) return wrong("the assignment has no output");
  const FrameSize frame{assignment.output->width, assignment.output->height};
  if (auto ok = check(out, frame); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace worldshare::messages
