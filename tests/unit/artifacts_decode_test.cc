#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "shared/files.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/decode_png_maker.h"
#include "verifier/image/artifacts.h"

namespace worldshare::verifier {
namespace {

using namespace std::chrono_literals;
using image::Format;
using worldshare::testing::PngMaker;

/// Pictures of 10x10 pixels, 640 bytes each.
std::vector<std::string> upload(const blobs::Store& store, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    PngMaker png{.width = 10, .height = 10};
    png.fill(static_cast<unsigned>(i));
    const Bytes file = png.file();
    names.push_back(to_hex(sha256(file)));
    auto upload = store.begin(names.back(), file.size());
    EXPECT_TRUE(upload->write(file) && upload->commit());
  }
  return names;
}

TEST(Artifacts, KeepTheLatestWithinTheirBound) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  const auto names = upload(store, 3);
  Artifacts artifacts(store, {.cache_bytes = 1280});  // two pictures
  const ImageLimits limits{Format::kPng, 10, 10};
  for (const auto& name : names) EXPECT_TRUE(artifacts.get(name, limits));
  std::filesystem::remove_all(folder.path() / "blobs");
  EXPECT_EQ(artifacts.get(names[0], limits).error().code, Errc::kNotFound) << "was pushed out";
  EXPECT_TRUE(artifacts.get(names[1], limits));
  EXPECT_TRUE(artifacts.get(names[2], limits));
  EXPECT_FALSE(artifacts.get(names[2], {Format::kPng, 11, 10})) << "other limits";
}

TEST(Artifacts, ABudgetThatIsTooSmallForAnImageIsNamed) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  const auto names = upload(store, 1);
  Artifacts artifacts(store, {.cache_bytes = 1280, .decoding_bytes = 4096});
  const auto picture = artifacts.get(names[0], {Format::kPng, 10, 10});
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, Errc::kDenied);
  EXPECT_NE(picture.error().message.find("4096 are configured"), std::string::npos);
}

TEST(Artifacts, ManyThreadsShareASmallBudget) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  const auto names = upload(store, 8);
  const ImageLimits limits{Format::kPng, 10, 10};
  // One at a time.
  Artifacts artifacts(store, {.cache_bytes = 0, .decoding_bytes = decoding_bytes(limits, 4096)});
  std::atomic<int> decoded = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&] {
        for (const auto& name : names) decoded += artifacts.get(name, limits) ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(decoded, 48);
}

TEST(Artifacts, AreExaminedAndProvenOnce) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  const auto names = upload(store, 3);
  const ImageLimits limits{Format::kPng, 10, 10};
  Artifacts artifacts(store, {.cache_bytes = 0, .known = 2});
  for (const auto& name : names) EXPECT_TRUE(artifacts.examine(name, limits));
  EXPECT_TRUE(artifacts.prove(names[2], limits));
  std::filesystem::remove_all(folder.path() / "blobs");
  EXPECT_EQ(artifacts.examine(names[0], limits).error().code, Errc::kNotFound) << "forgotten";
  EXPECT_TRUE(artifacts.examine(names[1], limits));
  EXPECT_EQ(artifacts.prove(names[1], limits).error().code, Errc::kNotFound) << "never proven";
  EXPECT_TRUE(artifacts.prove(names[2], limits));
  EXPECT_TRUE(artifacts.examine(names[2], limits)) << "what decodes has structure";
  EXPECT_FALSE(artifacts.examine(names[2], {Format::kPng, 11, 10})) << "other limits";
}

TEST(Artifacts, ABlobThatTheDiskDamagedIsSeenByItsChecksums) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  const auto names = upload(store, 2);
  Bytes file = store.read(names[0], 1 << 20).value();
  file[file.size() / 2] ^= 1;
  ASSERT_TRUE(write_file_atomically(*store.file(names[0]), as_text(file)));
  Artifacts artifacts(store, {});
  const ImageLimits limits{Format::kPng, 10, 10};
  EXPECT_EQ(artifacts.examine(names[0], limits).error().code, Errc::kCorrupt);
  EXPECT_EQ(artifacts.get_pair(names[0], names[1], limits).error().code, Errc::kCorrupt);
}

TEST(Artifacts, APairIsDecodedOnlyIfItsPayloadDiffers) {
  const worldshare::testing::TempFolder folder;
  const auto store = blobs::Store::open(folder.path() / "blobs").value();
  auto names = upload(store, 2);
  PngMaker cut{.width = 10, .height = 10, .cut = 9};
  cut.fill(0);
  const Bytes file = cut.file();
  names.push_back(to_hex(sha256(file)));
  auto upload = store.begin(names[2], file.size());
  ASSERT_TRUE(upload->write(file) && upload->commit());
  const ImageLimits limits{Format::kPng, 10, 10};
  Artifacts artifacts(store, {});
  const auto alike = artifacts.get_pair(names[0], names[2], limits).value();
  EXPECT_TRUE(alike.same_payload);
  EXPECT_TRUE(alike.a->empty() && alike.b->empty());
  const auto unlike = artifacts.get_pair(names[0], names[1], limits).value();
  EXPECT_FALSE(unlike.same_payload);
  EXPECT_FALSE(same_pixels(unlike.a.value(), unlike.b.value()));
  std::filesystem::remove_all(folder.path() / "blobs");
  EXPECT_TRUE(artifacts.get_pair(names[0], names[1], limits)) << "both are kept";
  EXPECT_TRUE(artifacts.prove(names[1], limits)) << "was decoded";
}

TEST(DecodingBytes, CoverTheLargestPictureOfTheFormat) {
  const std::uint64_t pixels = 1920 * 1080;
  EXPECT_GE(decoding_bytes({Format::kPng, 1920, 1080}, 5'000'000), pixels * 8 * 2 + 10'000'000);
  EXPECT_GE(decoding_bytes({Format::kExr, 1920, 1080}, 5'000'000), pixels * 16 * 2 + 5'000'000);
  const ImageLimits bounded{Format::kPng, 1 << 20, 1 << 20, 1 << 20};
  EXPECT_LT(decoding_bytes(bounded, 0), 256U << 20) << "whatever size a job asks for";
}

TEST(MemoryBudget, WaitsUntilThereIsEnough) {
  MemoryBudget budget(100);
  auto first = std::make_unique<MemoryBudget::Loan>(budget.take(60).value());
  std::atomic<bool> taken = false;
  std::jthread waiting([&] {
    const auto loan = budget.take(60);
    taken = true;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(taken);
  EXPECT_EQ(budget.in_use_bytes(), 60U);
  first.reset();
  waiting.join();
  EXPECT_TRUE(taken);
  EXPECT_EQ(budget.in_use_bytes(), 0U);
}

TEST(MemoryBudget, ALargeWishIsNotStarvedBySmallOnes) {
  MemoryBudget budget(100);
  auto held = std::make_unique<MemoryBudget::Loan>(budget.take(50).value());
  std::vector<int> order;  // by whoever holds everything, so it needs no lock
  std::jthread large([&] {
    const auto loan = budget.take(100);
    order.push_back(1);
  });
  std::this_thread::sleep_for(20ms);
  std::atomic<bool> small_taken = false;
  std::jthread small([&] {
    const auto loan = budget.take(10);  // would fit, but came later
    small_taken = true;
    order.push_back(2);
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(small_taken);
  held.reset();
  large.join();
  small.join();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(MemoryBudget, IsNeverExceeded) {
  MemoryBudget budget(1000);
  std::atomic<std::uint64_t> most = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 1; thread <= 6; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < 300; ++i) {
          const auto loan = budget.take(1 + (i * 37 * thread) % 1000);
          most = std::max(most.load(), budget.in_use_bytes());
        }
      });
    }
  }
  EXPECT_LE(most, 1000U);
  EXPECT_GT(most, 0U);
  EXPECT_EQ(budget.in_use_bytes(), 0U);
  EXPECT_EQ(budget.take(1001).error().code, Errc::kDenied);
}

}  // namespace
}  // namespace worldshare::verifier
