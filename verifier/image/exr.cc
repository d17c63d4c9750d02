#include "verifier/image/exr.h"

#include <ImfChannelList.h>
#include <ImfFrameBuffer.h>
#include <ImfHeader.h>
#include <ImfIO.h>
#include <ImfInputFile.h>
#include <ImfTileDescription.h>
#include <ImfXdr.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "shared/image/exr_parts.h"
#include "verifier/image/exr_blocks.h"
#include "verifier/image/exr_unpack.h"

namespace worldshare::verifier {
namespace {

constexpr std::uint64_t kMagicBytes = 4;
/// Tiles up to this side are taken however small the picture is.
constexpr unsigned kUsualTileSide = 256;

class MemoryStream : public Imf::IStream {
 public:
  explicit MemoryStream(ByteView bytes) : IStream("the file"), bytes_(bytes) {}

  bool read(char out[], int count) override {
    const auto size = static_cast<std::uint64_t>(count);
    if (count < 0 || position_ > bytes_.size() || size > bytes_.size() - position_) {
      throw std::runtime_error("it ends too early");
    }
    std::memcpy(out, bytes_.data() + position_, size);
    position_ += size;
    return position_ < bytes_.size();
  }
  std::uint64_t tellg() override { return position_; }
  void seekg(std::uint64_t position) override { position_ = position; }

 private:
  ByteView bytes_;
  std::uint64_t position_ = 0;
};

std::unexpected<Error> refused(const std::string& what) {
  return fail(Errc::kInvalid, "OpenEXR: " + what);
}

/// In the order of a picture's samples.
Result<std::vector<std::string>> channel_order(const Imf::ChannelList& channels) {
  constexpr std::array<std::string_view, 5> kKnown{"R", "G", "B", "Y", "A"};
  for (auto channel = channels.begin(); channel != channels.end(); ++channel) {
    const std::string name = channel.name();
    if (std::ranges::find(kKnown, name) == kKnown.end()) {
      return refused("channel \"" + name + "\" is none of R, G, B, Y and A");
    }
  }
  const bool grey = channels.findChannel("Y") != nullptr;
  std::vector<std::string> out =
      grey ? std::vector<std::string>{"Y"} : std::vector<std::string>{"R", "G", "B"};
  for (const auto& name : out) {
    if (channels.findChannel(name) == nullptr) return refused("channel " + name + " is missing");
  }
  if (grey && channels.findChannel("R") != nullptr) return refused("has both Y and R");
  if (grey && channels.findChannel("G") != nullptr) return refused("has both Y and G");
  if (grey && channels.findChannel("B") != nullptr) return refused("has both Y and B");
  if (channels.findChannel("A") != nullptr) out.emplace_back("A");
  return out;
}

Result<Imf::PixelType> common_type(const Imf::ChannelList& channels) {
  const Imf::PixelType type = channels.begin().channel().type;
  for (auto channel = channels.begin(); channel != channels.end(); ++channel) {
    if (channel.channel().type != type) return refused("its channels are of different types");
  }
  if (type == Imf::UINT) return refused("its channels are whole numbers, not half or float");
  return type;
}

Result<> check_windows(const Imf::Header& header) {
  const auto& data = header.dataWindow();
  if (header.displayWindow() != data) return refused("the display window is not the data window");
  if (!header.hasTileDescription()) return {};
  const auto& tile = header.tileDescription();
  const auto width = static_cast<unsigned>(data.max.x - data.min.x) + 1;
  const auto height = static_cast<unsigned>(data.max.y - data.min.y) + 1;
  if (tile.xSize > std::max(kUsualTileSide, width) ||
      tile.ySize > std::max(kUsualTileSide, height)) {
    return refused(
        fmt::format("tiles of {}x{} in a picture of {}x{}", tile.xSize, tile.ySize, width, height));
  }
  return {};
}

/// What is known of a file once its header is accepted.
struct Plan {
  Imf::Header header;
  std::vector<std::string> names;  ///< of the channels, in the order of a picture's samples
  Imf::PixelType type = Imf::HALF;
  Shape shape;
  ExrGrid grid;
};

ExrGrid grid_of(const Imf::Header& header, const Shape& shape, const image::ExrParts& parts) {
  ExrGrid out{shape.width, shape.height, header.dataWindow().min.y, shape.width, parts.chunk_lines};
  if (parts.tiled) {
    out.block_width = header.tileDescription().xSize;
    out.block_height = header.tileDescription().ySize;
  }
  return out;
}

Result<Plan> plan_of(ByteView file, const image::ExrParts& parts) {
  MemoryStream stream(file);
  stream.seekg(kMagicBytes);
  int version = 0;
  Imf::Xdr::read<Imf::StreamIO>(stream, version);
  Plan out;
  out.header.readFrom(stream, version);
  auto names = channel_order(out.header.channels());
  if (!names) return std::unexpected(names.error());
  const auto type = common_type(out.header.channels());
  if (!type) return std::unexpected(type.error());
  if (const auto ok = check_windows(out.header); !ok) return std::unexpected(ok.error());
  const auto& window = out.header.dataWindow();
  out.names = std::move(*names);
  out.type = *type;
  out.shape = {static_cast<std::uint32_t>(window.max.x - window.min.x) + 1,
               static_cast<std::uint32_t>(window.max.y - window.min.y) + 1,
               static_cast<std::uint8_t>(out.names.size()),
               *type == Imf::HALF ? Depth::kF16 : Depth::kF32};
  out.grid = grid_of(out.header, out.shape, parts);
  return out;
}

std::optional<ExrPacking> own_packing(Imf::Compression compression) {
  switch (compression) {
    case Imf::NO_COMPRESSION: return ExrPacking::kNone;
    case Imf::RLE_COMPRESSION: return ExrPacking::kRunLength;
    case Imf::ZIPS_COMPRESSION:
    case Imf::ZIP_COMPRESSION: return ExrPacking::kZip;
    default: return std::nullopt;
  }
}

/// Where each channel of a stored line goes: a line stores them one after the other, by name.
std::vector<std::size_t> places(const Plan& plan) {
  std::vector<std::size_t> out;
  const auto& channels = plan.header.channels();
  for (auto channel = channels.begin(); channel != channels.end(); ++channel) {
    const auto at = std::ranges::find(plan.names, channel.name());
    out.push_back(static_cast<std::size_t>(at - plan.names.begin()));
  }
  return out;
}

template <class Bits>
void scatter(const std::uint8_t* line,
             const ExrBlock& block,
             std::uint32_t y,
             const std::vector<std::size_t>& channels,
             Picture& out) {
  Bits* const row = out.row<Bits>(block.y + y) + std::size_t{block.x} * channels.size();
  for (const std::size_t channel : channels) {
    Bits* to = row + channel;
    for (std::uint32_t x = 0; x < block.width; ++x, to += channels.size()) {
      std::memcpy(to, line, sizeof(Bits));
      line += sizeof(Bits);
    }
  }
}

Result<> unpack_blocks(const std::vector<ExrBlock>& blocks,
                       ExrPacking packing,
                       const Plan& plan,
                       Picture& out) {
  const auto channels = places(plan);
  const std::size_t sample = sample_bytes(plan.shape.depth);
  ExrUnpacker unpacker(packing);
  std::vector<std::uint8_t> lines;
  for (const auto& block : blocks) {
    const std::size_t line = std::size_t{block.width} * channels.size() * sample;
    lines.resize(line * block.height);
    if (!unpacker.unpack(block.data, lines)) {
      return fail(Errc::kCorrupt, fmt::format("OpenEXR: the chunk at {},{} is damaged or not as "
                                              "large as its pixels",
                                              block.x, block.y));
    }
    for (std::uint32_t y = 0; y < block.height; ++y) {
      const std::uint8_t* from = lines.data() + y * line;
      if (sample == 2) scatter<std::uint16_t>(from, block, y, channels, out);
      if (sample == 4) scatter<std::uint32_t>(from, block, y, channels, out);
    }
  }
  return {};
}

/// What packing makes larger is stored as it is.
Result<> check_sizes(const std::vector<ExrBlock>& blocks, const Plan& plan) {
  const auto packing = own_packing(plan.header.compression());
  if (!packing) return {};
  const std::size_t pixel = plan.names.size() * sample_bytes(plan.shape.depth);
  for (const auto& block : blocks) {
    const std::size_t plain = pixel * block.width * block.height;
    if (block.data.size() == plain) continue;
    if (*packing != ExrPacking::kNone && block.data.size() < plain) continue;
    return fail(Errc::kCorrupt, fmt::format("OpenEXR: the chunk at {},{} is not as large as its "
                                            "pixels",
                                            block.x, block.y));
  }
  return {};
}

void read_by_library(ByteView file, const Plan& plan, Picture& out) {
  MemoryStream stream(file);
  Imf::InputFile input(stream, 0);
  const auto& window = input.header().dataWindow();
  const std::size_t sample = sample_bytes(plan.shape.depth);
  Imf::FrameBuffer buffer;
  for (std::size_t i = 0; i < plan.names.size(); ++i) {
    auto* first = reinterpret_cast<char*>(out.data()) + i * sample;
    buffer.insert(plan.names[i], Imf::Slice::Make(plan.type, first, window,
                                                  plan.names.size() * sample, plan.shape.stride()));
  }
  input.setFrameBuffer(buffer);
  input.readPixels(window.min.y, window.max.y);
}

Result<> check_plan(ByteView file, const image::ExrParts& parts) {
  const auto plan = plan_of(file, parts);
  if (!plan) return std::unexpected(plan.error());
  const auto blocks = exr_blocks(parts, plan->grid);
  if (!blocks) return std::unexpected(blocks.error());
  return check_sizes(*blocks, *plan);
}

Result<Picture> read_pixels(ByteView file, const image::ExrParts& parts, PictureMemory& memory) {
  const auto plan = plan_of(file, parts);
  if (!plan) return std::unexpected(plan.error());
  const auto blocks = exr_blocks(parts, plan->grid);
  if (!blocks) return std::unexpected(blocks.error());
  auto out = new_picture(plan->shape, memory);
  if (!out) return out;
  const auto packing = own_packing(plan->header.compression());
  if (!packing) {
    read_by_library(file, *plan, *out);
    return out;
  }
  if (const auto ok = unpack_blocks(*blocks, *packing, *plan, *out); !ok) {
    return std::unexpected(ok.error());
  }
  return out;
}

/// `read` of a canonical file's parts; what OpenEXR throws at it is the file's fault.
template <class Read>
auto read_canonical(ByteView file, Read read) -> decltype(read(image::ExrParts{})) {
  const auto parts = image::read_exr(file);
  if (!parts) return std::unexpected(parts.error());
  if (!parts->foreign.empty()) return fail(Errc::kInvalid, "the image carries " + parts->foreign);
  try {
    return read(*parts);
  } catch (const std::bad_alloc&) {
    throw;  // says nothing about the file
  } catch (const std::exception& error) {
    return fail(Errc::kCorrupt, std::string("OpenEXR: is damaged: ") + error.what());
  }
}

}  // namespace

Result<Picture> decode_exr(ByteView file, PictureMemory& memory) {
  return read_canonical(
      file, [&](const image::ExrParts& parts) { return read_pixels(file, parts, memory); });
}

Result<> check_exr_structure(ByteView file) {
  return read_canonical(file,
                        [&](const image::ExrParts& parts) { return check_plan(file, parts); });
}

}  // namespace worldshare::verifier
