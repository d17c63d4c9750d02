#include "verifier/lpips/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace worldshare::verifier {
namespace {

const std::vector<TensorSpec> kExpected = {{"a", {2}}, {"b", {1, 3}}};
constexpr std::string_view kGoodHeader =
    R"({"__metadata__":{"x":"y"},"b":{"dtype":"F32","shape":[1,3],"data_offsets":[8,20]},)"
    R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

/// A file in memory that is aligned as a mapping is.
struct File {
  std::vector<std::uint64_t> words;
  std::size_t size = 0;
  ByteView bytes() const { return {reinterpret_cast<const std::uint8_t*>(words.data()), size}; }
};

/// `length_offset` is added to the length that the file claims for its header.
File make_file(const std::string& header, std::size_t data_bytes, std::uint64_t length_offset = 0) {
  File out;
  out.size = 8 + header.size() + data_bytes;
  out.words.resize(out.size / 8 + 1);
  auto* at = reinterpret_cast<std::uint8_t*>(out.words.data());
  const std::uint64_t length = header.size() + length_offset;
  std::memcpy(at, &length, 8);
  std::ranges::copy(header, at + 8);
  for (std::size_t i = 0; i < data_bytes / 4; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(at + 8 + header.size() + 4 * i, &value, 4);
  }
  return out;
}

std::string aligned(std::string_view text) {
  std::string header(text);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

std::string refusal(const File& file) {
  const auto read = read_safetensors(file.bytes(), kExpected);
  if (read) return "accepted";
  EXPECT_EQ(read.error().code, Errc::kCorrupt);
  return read.error().message;
}

std::string refusal(std::string_view from, std::string_view to) {
  std::string header(kGoodHeader);
  header.replace(header.find(from), from.size(), to);
  return refusal(make_file(aligned(header), 20));
}

TEST(Safetensors, AreReadInTheOrderThatIsAskedFor) {
  const File file = make_file(aligned(kGoodHeader), 20);
  const auto read = read_safetensors(file.bytes(), kExpected);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(std::vector(read->at(0).begin(), read->at(0).end()), (std::vector<float>{0, 1}));
  EXPECT_EQ(std::vector(read->at(1).begin(), read->at(1).end()), (std::vector<float>{2, 3, 4}));
}

TEST(Safetensors, CutAnywhereAreRefused) {
  const File whole = make_file(aligned(kGoodHeader), 20);
  for (std::size_t size = 0; size < whole.size; ++size) {
    File cut = whole;
    cut.size = size;
    EXPECT_NE(refusal(cut), "accepted") << size;
  }
}

TEST(Safetensors, LengthsAreNotTrusted) {
  const std::string good = aligned(kGoodHeader);
  EXPECT_EQ(refusal(make_file(good, 20, 1)), "the header is no JSON: extra data");
  EXPECT_EQ(refusal(make_file(good, 20, 40)), "the file ends within its header");
  EXPECT_EQ(refusal(make_file(good, 20, (1ULL << 63) - good.size())),
            "a header of 9223372036854775808 bytes, more than 65536");
  EXPECT_EQ(refusal(make_file(good, 20, ~0ULL - good.size())),
            "a header of 18446744073709551615 bytes, more than 65536");
  EXPECT_EQ(refusal(make_file(good, 24)), "bytes after the last tensor");
}

TEST(Safetensors, WrongTensorsAreNamed) {
  EXPECT_EQ(refusal("\"F32\",\"shape\":[2]", "\"F16\",\"shape\":[2]"),
            "tensor a is not of type F32");
  EXPECT_EQ(refusal("[1,3]", "[3,1]"), "tensor b has another shape");
  EXPECT_EQ(refusal("[1,3]", "[1,-3]"), "tensor b has another shape");
  EXPECT_EQ(refusal("[1,3]", "[1,3.5]"), "tensor b has another shape");
  EXPECT_EQ(refusal("[1,3]", "{}"), "tensor b has another shape");
  EXPECT_EQ(refusal("\"a\"", "\"c\""), "no tensor a");
  EXPECT_EQ(refusal("\"__metadata__\"", "\"c\""), "3 tensors instead of 2");
  EXPECT_EQ(refusal("[0,8]", "[0]"), "tensor a has no offsets");
  EXPECT_EQ(refusal("[0,8]", "[0,\"8\"]"), "tensor a has no offsets");
}

TEST(Safetensors, OffsetsAreChecked) {
  EXPECT_EQ(refusal("[8,20]", "[4,16]"), "tensors overlap");
  EXPECT_EQ(refusal("[0,8]", "[12,20]"), "bytes between tensors");
  EXPECT_EQ(refusal("[0,8]", "[0,4]"), "tensor a has another size than its shape");
  EXPECT_EQ(refusal("[0,8]", "[8,0]"), "tensor a lies outside the file");
  EXPECT_EQ(refusal("[8,20]", "[12,24]"), "tensor b lies outside the file");
  EXPECT_EQ(refusal("[8,20]", "[18446744073709551608,18446744073709551620]"),
            "tensor b has no offsets");
  EXPECT_EQ(refusal("[8,20]", "[18446744073709551600,18446744073709551612]"),
            "tensor b lies outside the file");
}

TEST(Safetensors, HeadersThatAreNoObjectAreRefused) {
  EXPECT_EQ(refusal(make_file("[1]", 20)), "the header is no JSON object");
  EXPECT_NE(refusal(make_file(std::string(60000, '['), 20)), "accepted");
  EXPECT_NE(refusal(make_file("", 20)), "accepted");
}

TEST(Safetensors, FloatsOutOfLineAreRefused) {
  std::string header(kGoodHeader);
  header.resize((header.size() + 3) / 4 * 4 + 1, ' ');
  EXPECT_EQ(refusal(make_file(header, 20)), "the header's length is no multiple of 4");
}

}  // namespace
}  // namespace worldshare::verifier
