#include "shared/http/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace worldshare::http {
namespace {

std::string unzipped(const std::string& bytes) {
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  std::string out(1'000'000, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, IsWhatZlibReads) {
  std::string text;
  for (int i = 0; i < 5'000; ++i) text += "{\"frame\": " + std::to_string(i) + "}";
  for (const int level : {1, 12}) {
    const auto small = gzip(text, level);
    ASSERT_TRUE(small);
    EXPECT_LT(small->size() * 4, text.size());
    EXPECT_EQ(unzipped(*small), text);
  }
}

TEST(Gzip, IsLeftOutWhereItIsNotShorter) {
  EXPECT_FALSE(gzip("", 1));
  EXPECT_FALSE(gzip("x", 1));
  EXPECT_FALSE(is_worth_gzip("application/json", 100));
  EXPECT_FALSE(is_worth_gzip("image/png", 100'000));
  EXPECT_FALSE(is_worth_gzip("text/event-stream", 0));
  EXPECT_TRUE(is_worth_gzip("text/javascript; charset=utf-8", 100'000));
}

TEST(Gzip, IsSentToWhoTakesIt) {
  const auto takes = [](const std::string& field) {
    Request request;
    if (!field.empty()) request.headers["accept-encoding"] = field;
    return accepts_gzip(request);
  };
  for (const char* yes : {"gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*",
                          "x-gzip", "deflate , gzip ;q=1"})
    EXPECT_TRUE(takes(yes)) << yes;
  for (const char* no :
       {"", "identity", "gzip;q=0", "gzip;q=0, *", "deflate", "*;q=0", "gzipped", ";q"})
    EXPECT_FALSE(takes(no)) << no;
}

}  // namespace
}  // namespace worldshare::http
