#include "shared/messages/manifest.h"

#include <gtest/gtest.h>

namespace worldshare::messages {
namespace {

const std::string kSha(64, 'a');

std::string scene_json() {
  return R"("scene": {"sha256": ")" + kSha + R"(", "size_bytes": 1000, "name": "a.blend"})";
}

std::string manifest_json(const std::string& frames = R"({"first": 1, "last": 12})",
                          const std::string& output = R"({"width": 64, "height": 36})",
                          const std::string& more = "") {
  return "{" + scene_json() + R"(, "frames": )" + frames + R"(, "output": )" + output + more + "}";
}

std::string error_of(const std::string& json) {
  const auto manifest = parse_manifest(json);
  return manifest ? "accepted" : manifest.error().message;
}

TEST(Manifest, FillsDefaultsAndCountsFrames) {
  const auto manifest = parse_manifest(manifest_json(R"({"first": -3, "last": 12, "step": 5})"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(frame_count(*manifest), 4U);
  EXPECT_EQ(frame_number(*manifest, 3), 12);
  EXPECT_EQ(manifest->policy->replicas, 2);
  EXPECT_EQ(manifest->title, "a.blend");
}

TEST(Manifest, SurvivesARoundTripThroughJson) {
  const auto manifest = parse_manifest(manifest_json());
  ASSERT_TRUE(manifest);
  const auto again = parse_manifest(to_json(*manifest));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again->frames->last, 12);
  EXPECT_EQ(again->scene->sha256, kSha);
}

struct BadManifest {
  const char* name;
  std::string json;
  const char* begins;
};

class BadManifests : public testing::TestWithParam<BadManifest> {};

TEST_P(BadManifests, NamesTheField) {
  EXPECT_TRUE(error_of(GetParam().json).starts_with(GetParam().begins))
      << error_of(GetParam().json);
}

INSTANTIATE_TEST_SUITE_P(
    Manifest,
    BadManifests,
    testing::Values(
        BadManifest{"label_with_a_line_feed",
                    manifest_json(R"({"first": 1, "last": 2})",
                                  R"({"width": 8, "height": 8})",
                                  R"(, "requirements": {"labels": ["attic\n"]})"),
                    "requirements.labels: each must be 1 to 64 bytes"},
        BadManifest{"missing_scene", R"({"frames": {"first": 1, "last": 2}})", "scene: missing"},
        BadManifest{"no_frames", "{" + scene_json() + "}", "frames: missing"},
        BadManifest{"no_last", manifest_json(R"({"first": 1})"), "frames.last: missing"},
        BadManifest{"reversed", manifest_json(R"({"first": 5, "last": 4})"),
                    "frames.last: is before"},
        BadManifest{"zero_step", manifest_json(R"({"first": 1, "last": 4, "step": 0})"),
                    "frames.step"},
        BadManifest{"billion_frames", manifest_json(R"({"first": 1, "last": 1000000000})"),
                    "frames: frame numbers"},
        BadManifest{"two_million_frames", manifest_json(R"({"first": -1000000, "last": 1000000})"),
                    "frames: 2000001 frames"},
        BadManifest{"overflowing_frame", manifest_json(R"({"first": 1, "last": 99999999999})"),
                    "manifest: JSON"},
        BadManifest{"huge_side",
                    manifest_json("{\"first\":1,\"last\":1}", R"({"width": 70000, "height": 36})"),
                    "output.width: 70000"},
        BadManifest{"zero_side", manifest_json("{\"first\":1,\"last\":1}", R"({"width": 64})"),
                    "output.height"},
        BadManifest{
            "too_many_pixels",
            manifest_json("{\"first\":1,\"last\":1}", R"({"width": 32000, "height": 32000})"),
            "output: more than"},
        BadManifest{"unknown_format",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36, "format": "avi"})"),
                    "manifest: JSON"},
        BadManifest{"nan_estimate",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "estimate": {"seconds_per_frame": nan})"),
                    "estimate.seconds_per_frame"},
        BadManifest{"impatient_units",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"unit_seconds": 1})"),
                    "sharding.unit_seconds"},
        BadManifest{"unknown_shards",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"mode": "crumbs"})"),
                    "manifest: JSON"},
        BadManifest{"no_tiles",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"max_tiles": 0})"),
                    "sharding.max_tiles"},
        BadManifest{"too_many_parts",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"max_tiles": 1024, "max_sample_ranges": 2})"),
                    "sharding.max_tiles"},
        BadManifest{"endless_samples",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"samples": 4000000000})"),
                    "sharding.samples"},
        BadManifest{"control_character_in_reason",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "sharding": {"whole_frames": ["a\u0007"]})"),
                    "sharding.whole_frames"},
        BadManifest{"negative_fixed_cost",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "estimate": {"fixed_seconds": -1})"),
                    "estimate.fixed_seconds"},
        BadManifest{"nan_frame", manifest_json(R"({"first": nan, "last": 2})"), "manifest: JSON"},
        BadManifest{"negative_replicas",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "policy": {"replicas": 0})"),
                    "policy.replicas"},
        BadManifest{"unknown_field",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "framez": 3)"),
                    "manifest: JSON"},
        BadManifest{
            "dots_in_name",
            R"({"scene": {"sha256": ")" + kSha + R"(", "size_bytes": 1, "name": "../a.blend"}})",
            "scene.name"},
        BadManifest{"short_hash",
                    R"({"scene": {"sha256": "abc", "size_bytes": 1, "name": "a.blend"}})",
                    "scene.sha256"},
        BadManifest{"wrong_utf8",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  ", \"title\": \"\xff\xfe\""),
                    "manifest: JSON"},
        BadManifest{"control_character",
                    manifest_json("{\"first\":1,\"last\":1}",
                                  R"({"width": 64, "height": 36})",
                                  R"(, "title": "a\u0007")"),
                    "title"},
        BadManifest{"newer_version", R"({"version": 2})", "version"},
        BadManifest{"not_json", "hello", "manifest: JSON"},
        BadManifest{"deep_nesting", std::string(100'000, '['), "manifest: JSON"},
        BadManifest{"empty", "", "manifest: JSON"},
        BadManifest{"too_large", std::string(100U << 20, ' '), "manifest: larger"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(Messages, RefuseBytesThatAreNotTheirTable) {
  EXPECT_EQ(decode<wire::AgentStateT>(as_bytes("rubbish that is no buffer")).error().code,
            Errc::kCorrupt);
  EXPECT_EQ(decode<wire::ResultT>(ByteView{}).error().code, Errc::kCorrupt);
  wire::AgentStateT state;
  state.agent = "UABC";
  state.free_slots = {0, 1};
  const Bytes buffer = encode(state);
  EXPECT_EQ(decode<wire::AgentStateT>(buffer)->free_slots.size(), 2U);
  for (std::size_t cut = 0; cut < buffer.size(); ++cut) {
    // A cut buffer may still be a valid smaller one; it must never be read outside of it (ASan
    // watches).
    (void)decode<wire::AgentStateT>(ByteView(buffer).first(cut));
  }
}

TEST(CleanText, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(clean_text("gr\xc3\xbc\xc3\x9f\n", 100), "gr\xc3\xbc\xc3\x9f\n");
  EXPECT_EQ(clean_text(std::string_view("a\0\x1b[31m\xff\xc3", 9), 100), "a??[31m??");
  EXPECT_EQ(clean_text("\xc3\xbc\xc3\xbc", 3), "\xc3\xbc");
}

}  // namespace
}  // namespace worldshare::messages
