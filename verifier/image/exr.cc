#include "verifier/image/exr.h"

#include <ImfChannelList.h>
#include <ImfFrameBuffer.h>
#include <ImfHeader.h>
#include <ImfIO.h>
#include <ImfInputFile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace worldshare::verifier {
namespace {

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

Imf::FrameBuffer slices(const std::vector<std::string>& names,
                        Imf::PixelType type,
                        const Imath::Box2i& window,
                        Picture& out) {
  const std::size_t sample = sample_bytes(out.shape().depth);
  Imf::FrameBuffer buffer;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto* first = reinterpret_cast<char*>(out.data()) + i * sample;
    buffer.insert(names[i], Imf::Slice::Make(type, first, window, names.size() * sample,
                                             out.shape().stride()));
  }
  return buffer;
}

Result<Picture> read_pixels(ByteView file, PictureMemory& memory) {
  MemoryStream stream(file);
  Imf::InputFile input(stream, 0);
  const Imf::Header& header = input.header();
  const auto names = channel_order(header.channels());
  if (!names) return std::unexpected(names.error());
  const auto type = common_type(header.channels());
  if (!type) return std::unexpected(type.error());
  if (const auto ok = check_windows(header); !ok) return std::unexpected(ok.error());
  const auto& window = header.dataWindow();
  const Shape shape{static_cast<std::uint32_t>(window.max.x - window.min.x) + 1,
                    static_cast<std::uint32_t>(window.max.y - window.min.y) + 1,
                    static_cast<std::uint8_t>(names->size()),
                    *type == Imf::HALF ? Depth::kF16 : Depth::kF32};
  auto out = new_picture(shape, memory);
  if (!out) return out;
  input.setFrameBuffer(slices(*names, *type, window, *out));
  input.readPixels(window.min.y, window.max.y);
  return out;
}

}  // namespace

Result<Picture> decode_exr(ByteView file, PictureMemory& memory) {
  try {
    return read_pixels(file, memory);
  } catch (const std::bad_alloc&) {
    throw;  // says nothing about the file
  } catch (const std::exception& error) {
    return fail(Errc::kCorrupt, std::string("OpenEXR: is damaged: ") + error.what());
  }
}

}  // namespace worldshare::verifier
