#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "verifier/image/unfilter.h"

namespace worldshare::verifier {
namespace {

std::vector<std::uint8_t> noise(std::mt19937& random, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

/// Exactly as large as the contract says, so that ASan sees every step outside.
struct Unfiltered {
  std::vector<std::uint8_t> fast;
  std::vector<std::uint8_t> plain;
};

Unfiltered both(const FilteredRows& rows, std::mt19937& random, std::size_t padding) {
  const std::size_t stride = rows.row_bytes + padding;
  const auto above = noise(random, rows.row_bytes);
  Unfiltered out;
  out.fast.assign(stride * rows.count - padding, 0x5a);
  out.plain = out.fast;
  unfilter(rows, above.data(), out.fast.data(), stride);
  unfilter_portable(rows, above.data(), out.plain.data(), stride);
  return out;
}

class Unfilter : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Unfilter, IsTheSameOnEveryProcessor) {
  std::mt19937 random(7);
  for (std::size_t pixels = 1; pixels < 24; ++pixels) {
    for (std::size_t count = 1; count < 12; ++count) {
      for (const unsigned filters : {0U, 1U, 2U, 3U, 4U, 5U}) {
        const std::size_t row_bytes = pixels * GetParam();
        auto bytes = noise(random, count * (row_bytes + 1));
        for (std::size_t y = 0; y < count; ++y) {
          const auto code = filters == 5 ? random() % 5 : filters;
          bytes[y * (row_bytes + 1)] = static_cast<std::uint8_t>(code);
        }
        const auto out =
            both({bytes.data(), count, row_bytes, GetParam()}, random, random() % 3 * 7);
        ASSERT_EQ(out.fast, out.plain) << pixels << "x" << count << " filter " << filters;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PixelBytes, Unfilter, ::testing::Values(1, 2, 3, 4, 6, 8));

TEST(Unfilter, PaethOfManyNeighbours) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> rows;
  const std::size_t count = 64;
  const std::size_t row_bytes = 4096;
  for (std::size_t y = 0; y < count; ++y) {
    rows.push_back(kLastFilter);
    const auto row = noise(random, row_bytes);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  const auto out = both({rows.data(), count, row_bytes, 4}, random, 0);
  EXPECT_EQ(out.fast, out.plain);
}

}  // namespace
}  // namespace worldshare::verifier
