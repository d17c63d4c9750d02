// Tiles and ranges of samples on the real Blender: what agents hand in becomes the untiled frame.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "agents/blender/artifact.h"
#include "agents/blender/finish.h"
#include "agents/blender/renderer.h"
#include "shared/sharding/audit_plan.h"
#include "shared/sharding/shard_plan.h"
#include "tests/blender/scene_folder.h"
#include "verifier/assembly/assembler.h"
#include "verifier/assembly/float_file.h"
#include "verifier/audit/audit.h"

namespace worldshare {
namespace {

using agent::RenderEnd;
using agent::RenderOutcome;
using agent::RenderRequest;
using messages::FrameSize;
using messages::Shard;
using testing::scene_folder;
using testing::TempFolder;
using verifier::Picture;

constexpr FrameSize kDemoSize{97, 55};
constexpr std::uint64_t kLimit = 64U << 20;

void must_run(const std::vector<std::string>& argv, const std::filesystem::path& log) {
  if (testing::run_program(argv, log) == 0) return;
  std::fprintf(stderr, "%s failed:\n%s\n", argv.back().c_str(), testing::read_all(log).c_str());
  std::abort();
}

/// The demo's scene, small, and what make_part_scenes.py makes of it.
const std::filesystem::path& part_scenes() {
  static const TempFolder folder;
  static const bool made = [] {
    const std::filesystem::path& path = folder.path();
    const std::string source = WS_SOURCE_DIR;
    must_run({"blender", "-b", "--factory-startup", "-noaudio", "--python-exit-code", "9", "-P",
              source + "/demo/make_scene.py", "--", path / "demo.blend", "--frames", "4", "--width",
              "97", "--height", "55", "--samples", "16"},
             path / "demo.log");
    must_run({"blender", "-b", "--factory-startup", "-noaudio", path / "demo.blend",
              "--python-exit-code", "9", "-P", source + "/tests/blender/make_part_scenes.py", "--",
              path},
             path / "parts.log");
    return true;
  }();
  static_cast<void>(made);
  return folder.path();
}

struct Scene {
  std::string name;
  FrameSize size = kDemoSize;
  std::uint32_t samples = 16;
  bool adaptive = false;
  wire::ImageFormat format = wire::ImageFormat::png;

  std::filesystem::path path() const { return part_scenes() / name; }
  RenderRequest request(std::int32_t frame = 2) const {
    RenderRequest out = testing::request(frame);
    out.width = size.width;
    out.height = size.height;
    out.format = format;
    return out;
  }
  std::vector<Shard> shards(const sharding::Division& division) const {
    wire::ManifestT manifest;
    manifest.frames = std::make_unique<wire::FrameRangeT>();
    manifest.frames->first = manifest.frames->last = 2;
    manifest.output = std::make_unique<wire::OutputT>();
    manifest.output->width = size.width;
    manifest.output->height = size.height;
    manifest.sharding = std::make_unique<wire::ShardingT>();
    manifest.sharding->samples = samples;
    manifest.sharding->adaptive = adaptive;
    const sharding::ShardPlan plan(manifest, division);
    std::vector<Shard> out;
    for (std::uint64_t n = 0; n < plan.count(); ++n) out.push_back(plan.at(n));
    return out;
  }
};

class Parts : public ::testing::Test {
 protected:
  Bytes artifact(const Scene& scene, const RenderRequest& request) {
    const RenderOutcome outcome = renderer_.render(scene.path(), request, {}, {});
    EXPECT_EQ(outcome.end, RenderEnd::kDone) << outcome.code << ": " << outcome.error;
    auto bytes = agent::read_artifact(outcome.image, request, kLimit);
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes.value_or(Bytes{});
  }
  Bytes artifact(const Scene& scene, const Shard& shard) {
    RenderRequest request = scene.request(shard.frame);
    request.tile = shard.tile;
    request.samples = shard.samples;
    return artifact(scene, request);
  }
  Bytes whole(const Scene& scene) { return artifact(scene, scene.request()); }

  /// The frame as it is assembled from artifacts, decoded as the verifier decodes them.
  Picture assembled(const Scene& scene, const std::vector<Shard>& shards) {
    auto out = verifier::assemble(shards, scene.size, [&](std::size_t n) {
      return verifier::decode(artifact(scene, shards[n]),
                              verifier::part_limits(shards[n], scene.size));
    });
    EXPECT_TRUE(out) << out.error().message;
    return out.value_or(Picture{});
  }

  /// The whole frame as float, without compositor: the scene's one tile, as it were.
  Picture untiled(const Scene& scene) {
    RenderRequest request = scene.request();
    request.tile = messages::Tile{{0, 0, scene.size.width, scene.size.height}, 4};
    Shard shard{2};
    shard.tile = request.tile;
    auto out = verifier::decode(artifact(scene, request), verifier::part_limits(shard, scene.size));
    EXPECT_TRUE(out) << out.error().message;
    return out.value_or(Picture{});
  }

  Bytes finished(const Scene& scene, const Picture& picture) {
    const TempFolder apart;  // each Blender empties its folder, and another one is warm
    const auto path = apart.path() / "picture.exr";
    EXPECT_TRUE(verifier::write_float_file(path, picture));
    const auto out = agent::finish_frame(
        testing::blender_options(apart),
        {scene.path(), path, 2, wire::EnumNameImageFormat(scene.format)}, kLimit);
    EXPECT_TRUE(out) << out.error().message;
    return out.value_or(Bytes{});
  }

  static verifier::ImageLimits frame_limits(const Scene& scene) {
    verifier::ImageLimits limits;
    limits.width = scene.size.width;
    limits.height = scene.size.height;
    if (scene.format == wire::ImageFormat::exr) limits.format = image::Format::kExr;
    return limits;
  }

  static verifier::AuditFigures examine(const verifier::ImageLimits& limits,
                                        const Bytes& claim,
                                        const Bytes& audit,
                                        const sharding::AuditPlan& plan) {
    const auto left = verifier::decode(claim, limits);
    const auto right = verifier::decode(audit, limits);
    EXPECT_TRUE(left && right);
    auto out = verifier::examine_audit(*left, *right, plan);
    EXPECT_TRUE(out) << out.error().message;
    return out.value_or(verifier::AuditFigures{});
  }

  void expect_refused(const Scene& scene, const Shard& shard, const std::string& code) {
    RenderRequest request = scene.request();
    request.tile = shard.tile;
    request.samples = shard.samples;
    const RenderOutcome outcome = renderer_.render(scene.path(), request, {}, {});
    EXPECT_EQ(outcome.end, RenderEnd::kFailed);
    EXPECT_EQ(outcome.code, code) << scene.name << ": " << outcome.error;
  }

  TempFolder folder_;
  agent::Renderer renderer_{testing::blender_options(folder_)};
};

/// The largest difference of two pictures, relative to values above 1.
double distance(const Picture& a, const Picture& b) {
  double worst = 0;
  for (std::uint32_t y = 0; y < a.shape().height; ++y) {
    for (std::uint32_t i = 0; i < a.shape().width * 4; ++i) {
      const double left = a.row<float>(y)[i];
      const double right = b.row<float>(y)[i];
      worst = std::max(worst, std::abs(left - right) / std::max(1.0, std::abs(left)));
    }
  }
  return worst;
}

std::size_t different_samples(const Picture& a, const Picture& b) {
  std::size_t out = 0;
  for (std::uint32_t y = 0; y < a.shape().height; ++y) {
    for (std::uint32_t i = 0; i < a.shape().width * 4; ++i) {
      out += a.row<float>(y)[i] != b.row<float>(y)[i];
    }
  }
  return out;
}

TEST_F(Parts, OddTilesOfTheDemoAreTheUntiledFrame) {
  const Scene scene{"demo.blend"};
  const Bytes png = whole(scene);
  const Picture frame = untiled(scene);
  for (const std::uint32_t side : {2U, 3U}) {
    const Picture tiled = assembled(scene, scene.shards({1, side, side, 1}));
    EXPECT_EQ(different_samples(tiled, frame), 0U) << side;
    EXPECT_TRUE(finished(scene, tiled) == png) << side << ": the file, metadata stripped";
  }
  EXPECT_TRUE(whole(scene) == png) << "a warm Blender has its settings back";
}

TEST_F(Parts, EdgesThatSinglePrecisionWouldMissAreExact) {
  const Scene scene{"wide.blend", {1200, 600}, 1};
  Shard shard{2};
  shard.tile = messages::Tile{{812, 292, 928, 404}, 0};
  EXPECT_FALSE(artifact(scene, shard).empty()) << "116 x 112 pixels; pixel / size gives 116 x 113";
}

TEST_F(Parts, RangesOfSamplesAreTheFullRender) {
  const Scene scene{"demo.blend"};
  const Picture frame = untiled(scene);
  const Bytes png = whole(scene);
  for (const std::uint32_t ranges : {2U, 3U}) {  // 8+8 and 5+5+6
    const Picture merged = assembled(scene, scene.shards({1, 1, 1, ranges}));
    const double worst = distance(merged, frame);
    RecordProperty("worst_" + std::to_string(ranges), fmt::format("{:.2g}", worst));
    EXPECT_LT(worst, 1e-5) << ranges;
    verifier::ImageLimits limits;
    limits.width = scene.size.width;
    limits.height = scene.size.height;
    const auto left = verifier::decode(finished(scene, merged), limits);
    const auto right = verifier::decode(png, limits);
    ASSERT_TRUE(left && right);
    std::size_t off = 0;
    for (std::uint32_t y = 0; y < scene.size.height; ++y) {
      for (std::size_t i = 0; i < left->shape().row_bytes(); ++i) {
        const int step = left->row<std::uint8_t>(y)[i] - right->row<std::uint8_t>(y)[i];
        ASSERT_LE(std::abs(step), 1);
        off += step != 0;
      }
    }
    RecordProperty("levels_off_" + std::to_string(ranges), std::to_string(off));
    EXPECT_LT(off, 10U) << "of 16005 levels";
  }
}

TEST_F(Parts, TilesOfRangesAreTheFullRenderToo) {
  const Scene scene{"demo.blend"};
  EXPECT_LT(distance(assembled(scene, scene.shards({1, 2, 2, 2})), untiled(scene)), 1e-5);
}

TEST_F(Parts, MoreSamplesThanThePatternHasMerge) {
  const Scene scene{"many_samples.blend", {32, 18}, 320};
  EXPECT_LT(distance(assembled(scene, scene.shards({1, 1, 1, 3})), untiled(scene)), 1e-5);
}

TEST_F(Parts, AdaptiveTilesNeedTheirMargin) {
  const Scene scene{"adaptive.blend", kDemoSize, 64, true};
  const auto shards = scene.shards({1, 3, 3, 1});
  EXPECT_EQ(different_samples(assembled(scene, shards), untiled(scene)), 0U);
  Shard bare = shards[0];
  bare.tile->margin = 3;
  expect_refused(scene, bare, "mismatch");
  expect_refused(scene, {2, 1, 1, {}, messages::SampleRange{0, 32, 64}}, "not_divisible");
}

TEST_F(Parts, ACompositorThatReachesAcrossTilesRunsOnTheAssembledFrame) {
  const Scene scene{"blurred.blend"};
  const Bytes png = whole(scene);
  EXPECT_TRUE(finished(scene, assembled(scene, scene.shards({1, 3, 2, 1}))) == png);
}

/// Of the metadata that a render writes into OpenEXR files, and that is stripped, the flag for its
/// long names remains.
Bytes without_flags(Bytes exr) {
  exr[5] = 0;
  return exr;
}

TEST_F(Parts, EveryFormatIsTheArtistsOwn) {
  const Scene half{"half.blend", kDemoSize, 16, false, wire::ImageFormat::exr};
  const Bytes exr = finished(half, assembled(half, half.shards({1, 2, 2, 1})));
  EXPECT_TRUE(without_flags(exr) == without_flags(whole(half)));
  const Scene lossy{"jpeg.blend", kDemoSize, 16, false, wire::ImageFormat::jpeg};
  EXPECT_TRUE(finished(lossy, assembled(lossy, lossy.shards({1, 2, 2, 1}))) == whole(lossy));
}

TEST_F(Parts, WhatNeedsTheWholeFrameIsRefusedByName) {
  Shard shard{2};
  shard.tile = messages::Tile{{0, 0, 48, 55}, 0};
  expect_refused({"depth.blend"}, shard, "not_divisible");
  expect_refused({"burnt.blend"}, shard, "not_divisible");
  expect_refused({"demo.blend"}, {2, 1, 1, {}, messages::SampleRange{0, 8, 17}}, "mismatch");
  const auto line = agent::run_driver_once(testing::blender_options(folder_), "analyse",
                                           part_scenes() / "depth.blend", std::chrono::minutes(1));
  ASSERT_TRUE(line) << line.error().message;
  const auto object = boost::json::parse(*line).as_object();
  EXPECT_EQ(object.at("whole_frames"),
            boost::json::value(boost::json::array{"the compositor reads Depth"}));
  EXPECT_EQ(object.at("adaptive"), boost::json::value(false));
}

TEST_F(Parts, AnAuditHasTheFramesOwnPixelsInItsTiles) {
  for (const Scene& scene :
       {Scene{"demo.blend"}, Scene{"graded.blend"}, Scene{"adaptive.blend", kDemoSize, 64, true},
        Scene{"half.blend", kDemoSize, 16, false, wire::ImageFormat::exr}}) {
    SCOPED_TRACE(scene.name);
    const Bytes frame = whole(scene);
    const auto plan = sharding::plan_audit(7, 48, scene.samples, scene.size);
    RenderRequest request = scene.request();
    request.audit = agent::AuditRequest{plan.tiles, plan.samples};
    const Bytes audit = artifact(scene, request);
    EXPECT_TRUE(artifact(scene, scene.request()) == frame) << "a warm Blender is as it was";
    const auto found = examine(frame_limits(scene), frame, audit, plan);
    EXPECT_EQ(found.differing, 0U) << "of " << found.samples;
    EXPECT_EQ(verifier::fault_found(found), "") << found.block << " " << found.window;
    const auto other = examine(frame_limits(scene), artifact(scene, scene.request(3)), audit, plan);
    EXPECT_NE(verifier::fault_found(other), "") << "the next frame";
  }
}

TEST_F(Parts, AnAuditOfAPartHasThePartsOwnPixelsInItsTiles) {
  const Scene demo{"demo.blend"};
  const Scene adaptive{"adaptive.blend", kDemoSize, 64, true};
  for (const auto& [scene, division] : {std::pair{demo, sharding::Division{1, 2, 2, 1}},
                                        {demo, {1, 1, 1, 2}},
                                        {demo, {1, 2, 1, 2}},
                                        {adaptive, {1, 2, 2, 1}}}) {
    const Shard shard = scene.shards(division).back();
    SCOPED_TRACE(scene.name + ", " + messages::shard_text(shard));
    const Bytes part = artifact(scene, shard);
    const auto plan = sharding::plan_audit(7, 24, scene.samples, shard, scene.size);
    RenderRequest request = scene.request(shard.frame);
    request.tile = shard.tile;
    request.samples = shard.samples;
    request.audit = agent::AuditRequest{plan.tiles, plan.samples};
    const Bytes audit = artifact(scene, request);
    EXPECT_TRUE(artifact(scene, shard) == part) << "a warm Blender is as it was";
    const auto limits = verifier::part_limits(shard, scene.size);
    const auto found = examine(limits, part, audit, plan);
    EXPECT_EQ(found.differing, 0U) << "of " << found.samples;
    EXPECT_EQ(verifier::fault_found(found), "") << found.block << " " << found.window;
    RenderRequest cheat = scene.request(3);
    cheat.tile = shard.tile;
    cheat.samples = shard.samples;
    const auto other = examine(limits, artifact(scene, cheat), audit, plan);
    EXPECT_NE(verifier::fault_found(other), "") << "the next frame";
  }
}

TEST_F(Parts, WhatCannotBeAuditedIsRefusedByName) {
  const auto refused = [&](const Scene& scene, std::uint32_t samples) {
    RenderRequest request = scene.request();
    request.audit = agent::AuditRequest{{{0, 0, 2, 2}}, samples};
    const RenderOutcome outcome = renderer_.render(scene.path(), request, {}, {});
    EXPECT_EQ(outcome.end, RenderEnd::kFailed);
    return outcome.code + ": " + outcome.error;
  };
  EXPECT_NE(refused({"blurred.blend"}, 2).find("not_auditable"), std::string::npos);
  EXPECT_NE(refused({"blurred.blend"}, 2).find("the compositor's node Blur"), std::string::npos);
  EXPECT_NE(refused({"jpeg.blend", kDemoSize, 16, false, wire::ImageFormat::jpeg}, 2).find("JPEG"),
            std::string::npos);
  EXPECT_NE(refused({"depth.blend"}, 2).find("reads Depth"), std::string::npos);
  EXPECT_NE(refused({"demo.blend"}, 17).find("mismatch"), std::string::npos);
}

/// The verifier's own way: blobs in, one blob out, by the agent's program.
TEST_F(Parts, AnAssemblerStoresTheArtistsImageOrNothing) {
  const Scene scene{"demo.blend"};
  const auto store = [&](const Bytes& bytes) {
    auto blobs = blobs::Store::open(folder_.path() / "blobs").value();
    const std::string name = to_hex(sha256(bytes));
    auto upload = blobs.begin(name, bytes.size());
    EXPECT_TRUE(upload && upload->write(bytes) && upload->commit());
    return name;
  };
  const std::string blend = testing::read_all(scene.path());
  verifier::FrameParts frame{store(Bytes(blend.begin(), blend.end())), {}, {}};
  frame.output.width = scene.size.width;
  frame.output.height = scene.size.height;
  for (const Shard& shard : scene.shards({1, 2, 2, 1})) {
    frame.parts.push_back({shard, store(artifact(scene, shard))});
  }
  verifier::Artifacts artifacts(blobs::Store::open(folder_.path() / "blobs").value(),
                                {.file_bytes = kLimit, .cache_bytes = kLimit}, nullptr);
  verifier::AssemblerOptions options;
  options.finisher.agent_program = WS_BINARY_DIR "/worldshare-agent";
  options.scratch = folder_.path() / "assembly";
  const auto stored = verifier::Assembler(artifacts, options).make_frame(frame);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->sha256, to_hex(sha256(whole(scene))));
  EXPECT_TRUE(artifacts.store().read(stored->sha256, kLimit));

  options.memory_bytes = 1000;
  EXPECT_EQ(verifier::Assembler(artifacts, options).make_frame(frame).error().code, Errc::kDenied);
  options.memory_bytes = kLimit;
  frame.output.format = wire::ImageFormat::jpeg;
  const auto other = verifier::Assembler(artifacts, options).make_frame(frame);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kInvalid) << other.error().message;
  EXPECT_NE(other.error().message.find("mismatch"), std::string::npos) << other.error().message;
  frame.parts.pop_back();
  EXPECT_EQ(verifier::Assembler(artifacts, options).make_frame(frame).error().code, Errc::kInvalid);
  EXPECT_TRUE(std::filesystem::is_empty(options.scratch)) << "nothing is left behind";
}

}  // namespace
}  // namespace worldshare
