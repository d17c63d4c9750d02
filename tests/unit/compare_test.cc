#include "verifier/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/json.hpp>

#include "shared/files.h"
#include "tests/support/temp_folder.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;

const std::string kGolden = WS_SOURCE_DIR "/tests/golden/metrics/";

class Compare : public ::testing::Test {
 protected:
  Result<FileComparison> compare(std::vector<std::filesystem::path> files) {
    options_.files = std::move(files);
    return compare_files(options_, *metrics_);
  }
  int exit_code(const std::string& a, const std::string& b) {
    return compare_exit_code(compare({kGolden + a, kGolden + b}));
  }

  worldshare::testing::TempFolder folder_;
  const std::unique_ptr<Metrics> metrics_ = make_cpu_metrics({});
  CompareOptions options_;
};

TEST_F(Compare, ExitsAsIdiff) {
  EXPECT_EQ(exit_code("rgb8.png", "rgb8.png"), 0);
  EXPECT_EQ(exit_code("rgb8.png", "rgb8_slight.png"), 1);
  EXPECT_EQ(exit_code("rgb8.png", "rgb8_strong.png"), 2);
  EXPECT_EQ(exit_code("rgb8.png", "rgb16.png"), 3);
  EXPECT_EQ(exit_code("rgb8.png", "nothing.png"), 4);
  EXPECT_EQ(exit_code("rgb8.png", "expected.json"), 4);
}

TEST_F(Compare, TheToleranceIsTheCallers) {
  options_.tolerance = {42, 0.9};
  EXPECT_EQ(exit_code("rgb8.png", "rgb8_slight.png"), 2) << "it has 41 dB";
  options_.tolerance = {15, 0.4};
  EXPECT_EQ(exit_code("rgb8.png", "rgb8_strong.png"), 1);
}

TEST_F(Compare, OneDifferingPairDecides) {
  const auto found =
      compare({kGolden + "rgb8.png", kGolden + "rgb8.png", kGolden + "rgb8_strong.png"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->pairs.size(), 3U);
  EXPECT_TRUE(found->pairs[0].same_pixels);
  EXPECT_EQ(compare_exit_code(found), 2);
}

TEST_F(Compare, ErrorsNameWhatIsWrong) {
  EXPECT_THAT(compare({kGolden + "rgb8.png"}).error().message, HasSubstr("not 1"));
  EXPECT_THAT(compare(std::vector<std::filesystem::path>(9, kGolden + "rgb8.png")).error().message,
              HasSubstr("not 9"));
  EXPECT_THAT(compare({kGolden + "rgb8.png", kGolden + "expected.json"}).error().message,
              HasSubstr("expected.json"));
  const auto sizes = compare({kGolden + "rgb8.png", kGolden + "wide8.png"});
  EXPECT_EQ(sizes.error().code, Errc::kConflict);
  EXPECT_THAT(sizes.error().message, HasSubstr("32x24"));
  EXPECT_THAT(sizes.error().message, HasSubstr("70x37"));
}

TEST_F(Compare, FilesNeedNotBeCanonical) {
  std::string text = read_file(kGolden + "rgb8.png", 1 << 20).value();
  const std::string type_and_data = "tEXtDate today";
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()),
                         static_cast<uInt>(type_and_data.size()));
  std::string chunk(3, '\0');
  chunk += static_cast<char>(type_and_data.size() - 4);
  chunk += type_and_data;
  for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(crc >> shift & 255U);
  text.insert(33, chunk);  // behind signature and IHDR
  ASSERT_TRUE(write_file_atomically(folder_.path() / "dated.png", text));
  EXPECT_EQ(compare_exit_code(compare({kGolden + "rgb8.png", folder_.path() / "dated.png"})), 0);
}

TEST_F(Compare, TheTableShowsEveryPair) {
  const auto found = compare({kGolden + "wide8.png", kGolden + "wide8_slight.png"});
  ASSERT_TRUE(found);
  const std::string table = compare_table(*found);
  EXPECT_THAT(table, HasSubstr("2: " + kGolden + "wide8_slight.png\n"));
  EXPECT_THAT(table, HasSubstr(" 1-2 "));
  EXPECT_THAT(table, HasSubstr("within"));
}

TEST_F(Compare, JsonHasTheFiguresAndNullForInfinity) {
  const auto found =
      compare({kGolden + "rgba8.png", kGolden + "rgba8.png", kGolden + "rgba8_slight.png"});
  ASSERT_TRUE(found);
  const auto json = boost::json::parse(compare_json(*found)).as_object();
  EXPECT_EQ(json.at("files").as_array().size(), 3U);
  const auto& pairs = json.at("pairs").as_array();
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_TRUE(pairs[0].at("psnr_db").is_null());
  EXPECT_EQ(pairs[0].at("verdict").as_string(), "equal");
  EXPECT_NEAR(pairs[1].at("psnr_db").as_double(), found->pairs[1].metrics.psnr_db, 1e-12);
  EXPECT_TRUE(pairs[1].as_object().contains("alpha_psnr_db"));
}

TEST_F(Compare, HeatMapsAreDrawnOfThePairsThatDiffer) {
  options_.heat_maps = folder_.path() / "new" / "maps";
  ASSERT_TRUE(
      compare({kGolden + "wide8.png", kGolden + "wide8.png", kGolden + "wide8_strong.png"}));
  EXPECT_FALSE(std::filesystem::exists(options_.heat_maps / "pair-1-2.png"));
  const auto text = read_file(options_.heat_maps / "pair-1-3.png", 1 << 20);
  ASSERT_TRUE(text);
  const auto map = decode(as_bytes(*text), {image::Format::kPng, 70, 37});
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->shape(), (Shape{70, 37, 3, Depth::kU8}));
}

}  // namespace
}  // namespace worldshare::verifier
