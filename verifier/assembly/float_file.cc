#include "verifier/assembly/float_file.h"

#include <ImfChannelList.h>
#include <ImfFrameBuffer.h>
#include <ImfHeader.h>
#include <ImfOutputFile.h>

#include <array>
#include <new>

namespace worldshare::verifier {
namespace {

void write(const std::filesystem::path& path, const Picture& picture) {
  constexpr std::array kNames{"R", "G", "B", "A"};
  const Shape& shape = picture.shape();
  Imf::Header header(static_cast<int>(shape.width), static_cast<int>(shape.height));
  header.compression() = Imf::NO_COMPRESSION;
  Imf::FrameBuffer buffer;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    header.channels().insert(kNames[i], Imf::Channel(Imf::FLOAT));
    // The library only reads from it.
    auto* first = const_cast<char*>(reinterpret_cast<const char*>(picture.row<float>(0) + i));
    buffer.insert(kNames[i],
                  Imf::Slice(Imf::FLOAT, first, kNames.size() * sizeof(float), shape.stride()));
  }
  Imf::OutputFile file(path.c_str(), header, 0);
  file.setFrameBuffer(buffer);
  file.writePixels(static_cast<int>(shape.height));
}

}  // namespace

Result<> write_float_file(const std::filesystem::path& path, const Picture& picture) {
  WS_CHECK(picture.shape().channels == 4 && picture.shape().depth == Depth::kF32, "float R G B A");
  try {
    write(path, picture);
    return {};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return fail(Errc::kUnavailable,
                std::string("cannot write the assembled picture: ") + error.what());
  }
}

}  // namespace worldshare::verifier
