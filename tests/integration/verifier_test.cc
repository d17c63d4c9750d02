#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "shared/files.h"
#include "shared/http/client.h"
#include "shared/ids.h"
#include "shared/image/bundle.h"
#include "shared/image/canonical.h"
#include "shared/messages/ticket.h"
#include "tests/integration/verifier_bench.h"
#include "verifier/assembly/float_file.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::testing {
namespace {

using ::testing::HasSubstr;
using wire::Decision;

class VerifierTest : public VerifierBenchTest {
 protected:
  /// Leases of one unit, each of another owner.
  std::vector<Lease> leases(std::size_t count, unsigned replicas, unsigned max_replicas) {
    const std::int64_t unit = bench_->unit(replicas, max_replicas);
    std::vector<Lease> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(bench_->lease(unit, bench_->volunteer("owner" + std::to_string(i))));
    }
    return out;
  }

  std::string judged(const Lease& lease) {
    return bench_->query("select judged from results where lease = '" + lease.id + "'");
  }

  /// A rendered result is void, and the reason says why.
  void expect_void(const Lease& lease, const std::string& reason) {
    const auto verdict = bench_->verdict(lease);
    EXPECT_FALSE(verdict.counts);
    EXPECT_EQ(verdict.decision, Decision::more_replicas);
    EXPECT_EQ(verdict.replicas_needed, 1);
    EXPECT_THAT(verdict.reason, HasSubstr(reason));
    EXPECT_EQ(judged(lease), "void");
    EXPECT_EQ(
        bench_->query("select rejected from trust where owner = '" + lease.holder->owner + "'"),
        "1");
    EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
  }

  /// An artifact that has the structure of a picture, but none in it, loses to two that have one.
  void expect_outvoted(const Bytes& artifact, const std::string& reason) {
    const auto leases = this->leases(3, 2, 5);
    bench_->render(leases[0], artifact);
    EXPECT_EQ(bench_->verdict(leases[0]).decision, Decision::pending);
    bench_->render(leases[1], picture(1));
    const auto found_out = bench_->verdict(leases[1]);
    EXPECT_EQ(found_out.decision, Decision::more_replicas);
    EXPECT_EQ(found_out.opinions, 2);
    EXPECT_EQ(found_out.replicas_needed, 1);
    EXPECT_THAT(found_out.reason, HasSubstr("its artifact does not decode"));
    EXPECT_THAT(found_out.reason, HasSubstr(reason));
    bench_->render(leases[2], picture(1));
    EXPECT_EQ(bench_->verdict(leases[2]).decision, Decision::accepted);
    EXPECT_EQ(judged(leases[0]), "rejected");
  }
};

TEST_F(VerifierTest, TwoAlikeAreAcceptedAndBothEarnOnce) {
  bench_->start_verifier();
  const auto leases = this->leases(2, 2, 5);
  bench_->render(leases[0], picture(1));
  const auto first = bench_->verdict(leases[0]);
  EXPECT_EQ(first.decision, Decision::pending);
  EXPECT_EQ(first.opinions, 1);
  EXPECT_EQ(first.replicas_needed, 1);
  bench_->render(leases[1], picture(1));
  const auto second = bench_->verdict(leases[1]);
  EXPECT_EQ(second.decision, Decision::accepted);
  EXPECT_EQ(second.artifact, to_hex(sha256(picture(1))));
  EXPECT_EQ(second.frame, 7);
  EXPECT_EQ(second.opinions, 2);
  EXPECT_EQ(judged(leases[0]), "agreed");
  EXPECT_EQ(judged(leases[1]), "agreed");
  EXPECT_EQ(bench_->query("select artifact from outputs"), second.artifact);
  EXPECT_EQ(bench_->query("select count(*) || ' ' || sum(amount) from credit"), "2 25");
  EXPECT_EQ(bench_->query("select method from comparisons"), "same_blob");
  EXPECT_EQ(bench_->query("select sum(agreed) from trust"), "2");
}

TEST_F(VerifierTest, SlightlyDifferentPicturesAgreeByTheirMetrics) {
  bench_->start_verifier();
  const auto leases = this->leases(2, 2, 5);
  bench_->render(leases[0], picture(1));
  bench_->render(leases[1], picture(1, 1));
  ASSERT_EQ(bench_->verdict(leases[0]).lease, leases[0].id);
  ASSERT_EQ(bench_->verdict(leases[1]).lease, leases[1].id);
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "1");
  EXPECT_EQ(bench_->query("select method || ' ' || agree || ' ' || round(psnr_db::numeric, 2) from "
                          "comparisons"),
            "metrics true 79.71");
}

/// A difference that honest machines of one class do not show, and those of two may.
TEST_F(VerifierTest, OneRenderClassIsComparedMoreStrictlyThanTwo) {
  bench_->start_verifier();
  for (const std::string renderer : {"Blender 3.4.1", "Blender 3.4.1 cpu-sse41"}) {
    const auto leases = this->leases(2, 2, 5);
    bench_->render(leases[0], picture(2));
    ASSERT_EQ(bench_->verdict(leases[0]).lease, leases[0].id);
    bench_->commit(leases[1], brighter_picture(2, 1));
    auto other = bench_->rendered(leases[1], brighter_picture(2, 1));
    other.renderer = renderer;
    bench_->send(leases[1], other);
    const bool one_class = renderer == "Blender 3.4.1";
    EXPECT_EQ(bench_->verdict(leases[1]).decision,
              one_class ? Decision::more_replicas : Decision::accepted)
        << renderer;
  }
  EXPECT_EQ(
      bench_->query("select string_agg(agree || ' ' || round(psnr_db::numeric, 2) || ' ' || "
                    "round(worst_block_psnr_db::numeric, 2), ', ' order by unit) from comparisons"),
      "false 48.13 48.13, true 48.13 48.13");
}

TEST_F(VerifierTest, TheSameResultTwiceCountsOnce) {
  bench_->start_verifier();
  const auto leases = this->leases(2, 2, 5);
  bench_->render(leases[0], picture(1));
  bench_->verdict(leases[0]);
  bench_->send(leases[0], bench_->rendered(leases[0], picture(1)), "another id");
  bench_->send(leases[0], bench_->failed(leases[0], "changed its mind"), "a third id");
  bench_->render(leases[1], picture(1));
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::accepted);
  EXPECT_EQ(bench_->query("select count(*) from results"), "2");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
  EXPECT_EQ(bench_->query("select count(*) from verdicts"), "2");
  EXPECT_EQ(bench_->verdict_count(leases[0]), 1);
}

/// A canonical float picture of 12x20 pixels.
Bytes float_part() {
  const TempFolder folder;
  verifier::Picture picture(verifier::Shape{12, 20, 4, verifier::Depth::kF32});
  for (std::uint32_t y = 0; y < 20; ++y) picture.row<float>(y)[y] = 1.5F;
  EXPECT_TRUE(verifier::write_float_file(folder.path() / "part.exr", picture));
  const auto file = read_file(folder.path() / "part.exr", 1U << 20);
  return image::canonical(as_bytes(*file)).value();
}

TEST_F(VerifierTest, AcceptedPartsWaitForTheirFrameAndEarnAtOnce) {
  bench_->start_verifier();
  const std::int64_t unit = bench_->unit(2, 5);
  bench_->execute("update units set shard = 'frame=7 tile=0,0,12,20', parts = 2");
  const Lease first = bench_->lease(unit, bench_->volunteer("first"));
  const Lease second = bench_->lease(unit, bench_->volunteer("second"));
  bench_->render(first, float_part());
  EXPECT_TRUE(bench_->verdict(first).counts) << bench_->verdict(first).reason;
  bench_->render(second, float_part());
  EXPECT_EQ(bench_->verdict(second).decision, Decision::accepted);
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
  EXPECT_EQ(bench_->query("select frame || ' ' || state from assemblies"), "7 waiting");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
}

TEST_F(VerifierTest, ABundleIsAcceptedFrameByFrameAndEarnsOnce) {
  bench_->start_verifier();
  const auto unit = bench_->unit(2, 5);
  bench_->execute("update units set shard = 'frame=7 count=2', frames = 2");
  const auto bundle = [](unsigned second) {
    return image::bundle(std::vector{picture(1), picture(second)});
  };
  std::vector<Lease> leases;
  for (const std::string owner : {"anna", "bert", "carl"})
    leases.push_back(bench_->lease(unit, bench_->volunteer(owner)));
  bench_->render(leases[0], bundle(2));
  EXPECT_EQ(bench_->verdict(leases[0]).decision, Decision::pending);
  bench_->render(leases[1], bundle(3));
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::more_replicas);
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
  bench_->render(leases[2], bundle(2));
  const auto verdict = bench_->verdict(leases[2]);
  EXPECT_EQ(verdict.decision, Decision::accepted);
  EXPECT_EQ(verdict.artifact, to_hex(sha256(bundle(2))));
  EXPECT_EQ(
      bench_->query("select string_agg(frame || ' ' || artifact, ',' order by frame) from outputs"),
      "7 " + to_hex(sha256(picture(1))) + ",8 " + to_hex(sha256(picture(2))));
  EXPECT_EQ(judged(leases[1]), "rejected");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
}

TEST_F(VerifierTest, ABundleOfAnotherNumberOfFramesIsVoid) {
  bench_->start_verifier();
  const auto unit = bench_->unit(2, 5);
  bench_->execute("update units set shard = 'frame=7 count=2', frames = 2");
  const auto lease = bench_->lease(unit, bench_->volunteer("anna"));
  bench_->render(lease, image::bundle(std::vector{picture(1), picture(2), picture(3)}));
  expect_void(lease, "holds 3 images, asked were 2");
}

TEST_F(VerifierTest, APartIsFloatOfItsTilesSizeUnderATicketForIt) {
  bench_->start_verifier();
  const std::int64_t unit = bench_->unit(2, 5);
  const Lease whole = bench_->lease(unit, bench_->volunteer("whole"));
  bench_->execute("update units set shard = 'frame=7 tile=0,0,12,20', parts = 2");
  bench_->render(whole, float_part());
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("ticket"));
  const Lease png = bench_->lease(unit, bench_->volunteer("png"));
  bench_->render(png, picture(1));
  expect_void(png, "the job asks for OpenEXR");
  bench_->execute("update units set shard = 'frame=7 tile=0,0,11,20', parts = 2");
  const Lease wide = bench_->lease(unit, bench_->volunteer("wide"));
  bench_->render(wide, float_part());
  expect_void(wide, "asks for 11x20");
}

TEST_F(VerifierTest, AVerdictThatWasNotPublishedIsPublishedLater) {
  const auto leases = this->leases(2, 2, 5);
  bench_->start_verifier();
  bench_->render(leases[0], picture(1));
  bench_->verdict(leases[0]);
  bench_->stop_verifiers();
  bench_->execute("update verdicts set published_at = null");
  bench_->start_verifier();
  EXPECT_TRUE(bench_->eventually(
      [&] { return bench_->query("select count(published_at) from verdicts") == "1"; }));
}

TEST_F(VerifierTest, AVerdictThatTheDispatcherNeverTookInIsPublishedAgain) {
  const auto unheard = leases(2, 2, 5);
  const auto heard = leases(2, 2, 5);
  bench_->start_verifier();
  bench_->render(unheard[0], picture(1));
  bench_->render(heard[0], picture(1));
  bench_->verdict(unheard[0]);
  bench_->verdict(heard[0]);
  bench_->stop_verifiers();
  bench_->execute("update replicas set state = 'reported' where lease = '" + heard[0].id + "'");
  bench_->execute("update verdicts set published_at = now() - interval '2 minutes'");
  bench_->start_verifier();
  const auto published_now = [&](const Lease& lease) {
    return bench_->query(
               "select published_at > now() - interval '1 minute' from verdicts where lease = '" +
               lease.id + "'") == "t";
  };
  EXPECT_TRUE(bench_->eventually([&] { return published_now(unheard[0]); }));
  EXPECT_FALSE(published_now(heard[0]));
}

TEST_F(VerifierTest, WhatIsNotSignedTicketedAndLeasedIsPutAside) {
  bench_->start_verifier();
  auto leases = this->leases(2, 2, 5);
  const Lease& lease = leases[0];
  bench_->commit(lease, picture(1));

  auto forged = bench_->rendered(lease, picture(1));
  forged.ticket[3] ^= 1;
  bench_->send(lease, forged, "forged");
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("ticket"));

  auto other_ticket = bench_->rendered(lease, picture(1));
  other_ticket.ticket = leases[1].ticket;
  bench_->send(lease, other_ticket, "other ticket");
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("ticket"));

  bench_->sign_together(leases);
  auto way_of_another = bench_->rendered(lease, picture(1));
  way_of_another.ticket = leases[1].ticket;
  bench_->send(lease, way_of_another, "way of another");
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("ticket"));

  Lease unknown = lease;
  unknown.id = new_id();
  bench_->send(unknown, bench_->rendered(unknown, picture(1)));
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("unknown lease"));

  Lease stolen = leases[1];
  stolen.holder = lease.holder;
  bench_->send(stolen, bench_->rendered(stolen, picture(1)));
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("another agent's"));

  bench_->send(lease, bench_->rendered(leases[1], picture(1)), "speaks of another");
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("another"));

  wire::SignedResultT unsigned_result;
  unsigned_result.payload = messages::encode(bench_->rendered(lease, picture(1)));
  unsigned_result.signature = leases[1].holder->key.sign(unsigned_result.payload);
  const std::string subject = "results." + lease.holder->agent() + "." + lease.id;
  bench_->send_raw(subject, messages::encode(unsigned_result));
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("signature"));

  bench_->send_raw(subject, Bytes(100, 0xff));
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("not a valid message"));
  bench_->send_raw("results.x.y", Bytes{1});
  EXPECT_THAT(bench_->next_rejection(), HasSubstr("subject"));

  EXPECT_EQ(bench_->query("select count(*) from results"), "0");
  EXPECT_EQ(bench_->query("select count(*) from verdicts"), "0");
  EXPECT_EQ(bench_->query("select count(*) from trust"), "0");

  bench_->send(lease, bench_->rendered(lease, picture(1)), "as it should be");
  EXPECT_EQ(bench_->verdict(lease).decision, Decision::pending);
}

TEST_F(VerifierTest, WhatIsNoImageIsVoid) {
  bench_->start_verifier();
  const auto leases = this->leases(1, 2, 5);
  const Bytes text{'h', 'e', 'l', 'l', 'o'};
  bench_->render(leases[0], text);
  expect_void(leases[0], "not a PNG, JPEG or OpenEXR image");
}

Bytes encode(const std::string& extension, const cv::Mat& pixels) {
  Bytes out;
  EXPECT_TRUE(cv::imencode(extension, pixels, out));
  return out;
}

TEST_F(VerifierTest, AnImageOfAnotherSizeOrFormatIsVoid) {
  bench_->start_verifier();
  const auto leases = this->leases(2, 2, 5);
  bench_->render(leases[0], encode(".png", cv::Mat(24, 20, CV_8UC3, cv::Scalar(1, 2, 3))));
  expect_void(leases[0], "20x24 pixels, the job asks for 24x20");
  bench_->render(leases[1], encode(".jpg", cv::Mat(20, 24, CV_8UC3, cv::Scalar(1, 2, 3))));
  expect_void(leases[1], "the image is JPEG, the job asks for PNG");
}

void append_chunk(Bytes& out, const std::string& type, const Bytes& data) {
  const auto append = [&](std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  };
  append(data.size());
  const std::size_t begin = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append(crc32_z(0, out.data() + begin, out.size() - begin));
}

/// A PNG whose header says width x height and whose data unpacks to `plain_bytes` zeros.
Bytes bomb(std::uint8_t width_high, std::uint8_t width_low, std::size_t plain_bytes) {
  Bytes packed(compressBound(plain_bytes));
  uLongf size = packed.size();
  const Bytes plain(plain_bytes);
  EXPECT_EQ(compress2(packed.data(), &size, plain.data(), plain.size(), 9), Z_OK);
  packed.resize(size);
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  append_chunk(out, "IHDR", {0, 0, width_high, width_low, 0, 0, width_high, 20, 8, 2, 0, 0, 0});
  append_chunk(out, "IDAT", packed);
  append_chunk(out, "IEND", {});
  return out;
}

TEST_F(VerifierTest, DecompressionBombsCostNothing) {
  bench_->start_verifier();
  const auto leases = this->leases(1, 2, 5);
  bench_->render(leases[0], bomb(0x75, 0x30, 1 << 20));  // 30000 pixels wide
  expect_void(leases[0], "the job asks for 24x20");
  expect_outvoted(bomb(0, 24, 1 << 10), "the picture data ends before the last row");
  expect_outvoted(bomb(0, 24, 256 << 20), "inflates to more than the header announces");
}

TEST_F(VerifierTest, OnOneOwnersWordNothingIsAcceptedThatDoesNotDecode) {
  bench_->start_verifier();
  const Lease alone = this->leases(1, 1, 5)[0];
  bench_->render(alone, bomb(0, 24, 1 << 10));
  const auto verdict = bench_->verdict(alone);
  EXPECT_EQ(verdict.decision, Decision::more_replicas);
  EXPECT_THAT(verdict.reason, HasSubstr("does not decode: PNG: the picture data ends"));
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
}

TEST_F(VerifierTest, WhatTwoAgreedOnAndDoesNotDecodeIsOverturnedByTheNextWhoLook) {
  bench_->start_verifier(1);  // takes results in order
  const auto leases = this->leases(4, 2, 9);
  for (int i = 0; i < 2; ++i) bench_->render(leases[i], bomb(0, 24, 1 << 10));
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::accepted);
  bench_->render(leases[2], picture(1));
  const auto doubt = bench_->verdict(leases[2]);
  EXPECT_EQ(doubt.decision, Decision::pending);
  EXPECT_THAT(doubt.reason,
              HasSubstr("looked at again: of the accepted picture, its artifact does"));
  EXPECT_EQ(bench_->query("select kind || ' ' || state || ' ' || wanted from reissues"),
            "doubt open 4");
  bench_->render(leases[3], picture(1));
  EXPECT_EQ(bench_->verdict(leases[3]).decision, Decision::overturned);
  EXPECT_EQ(bench_->query("select artifact from outputs"), to_hex(sha256(picture(1))));
  EXPECT_EQ(judged(leases[0]) + judged(leases[1]), "rejectedrejected");
  EXPECT_EQ(judged(leases[2]) + judged(leases[3]), "agreedagreed");
  EXPECT_EQ(bench_->query("select count(*) from credit where owner in ('owner0', 'owner1')"), "0");
  EXPECT_EQ(bench_->query("select sum(amount_ms) from ledger"), "0");
}

TEST_F(VerifierTest, TheSameCompressedPixelsAgreeWithoutMetrics) {
  bench_->start_verifier();
  const auto leases = this->leases(2, 2, 5);
  Bytes gamma;
  append_chunk(gamma, "gAMA", {0, 0, 0xb1, 0x8f});
  Bytes other = picture(1);
  other.insert(other.begin() + 33, gamma.begin(), gamma.end());
  bench_->render(leases[0], picture(1));
  bench_->render(leases[1], other);
  EXPECT_EQ(bench_->verdict(leases[0]).lease, leases[0].id);
  EXPECT_EQ(bench_->verdict(leases[1]).lease, leases[1].id);
  EXPECT_EQ(bench_->query("select method from comparisons"), "same_pixels");
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "1");
}

/// Pairs are measured once: what the bucket says of artifacts that come again is taken from there.
TEST_F(VerifierTest, AMeasuredPairIsNotMeasuredAgain) {
  bench_->start_verifier();
  const auto first = this->leases(2, 2, 5);
  for (int i = 0; i < 2; ++i) bench_->render(first[i], picture(21, i));
  bench_->verdict(first[0]);
  bench_->verdict(first[1]);
  const std::string one = to_hex(sha256(picture(21)));
  const std::string other = to_hex(sha256(picture(21, 1)));
  const std::string key = "$KV.metrics." + std::min(one, other) + "." + std::max(one, other) +
                          ".v" + std::to_string(verifier::kMetricsVersion);
  const auto cached = [&]() -> std::string {
    const auto answer = bench_->trusted().request("$JS.API.DIRECT.GET.KV_metrics." + key, {},
                                                  std::chrono::seconds(5));
    return answer ? std::string(as_text(answer->data())) : "";
  };
  ASSERT_TRUE(bench_->eventually([&] { return cached().contains("\"psnr_db\":7.9"); })) << cached();
  ASSERT_TRUE(bench_->trusted().publish_stored(
      key,
      as_bytes(R"({"method":"metrics","psnr_db":77.0,"ssim":0.9999,"non_finite_mismatches":0})"),
      new_id(), "", std::chrono::seconds(5)));
  // Another verifier, which has not seen the pair itself.
  bench_->stop_verifiers();
  bench_->start_verifier();
  const auto second = this->leases(2, 2, 5);
  for (int i = 0; i < 2; ++i) bench_->render(second[i], picture(21, i));
  bench_->verdict(second[0]);
  bench_->verdict(second[1]);
  EXPECT_EQ(bench_->query("select count(*) from comparisons where psnr_db = 77"), "1");
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "2");
}

std::filesystem::path models_folder() {
  const char* named = std::getenv("WORLDSHARE_MODELS");
  return named != nullptr ? named : WS_SOURCE_DIR "/../shared/models";
}

TEST_F(VerifierTest, LpipsOfADisputedPairIsEvidenceOnly) {
  if (!std::filesystem::exists(models_folder() / "lpips_squeeze_v0.1.safetensors")) {
    GTEST_SKIP() << "no LPIPS model in " << models_folder();
  }
  auto config = bench_->config();
  config.backends.lpips = "squeeze";  // takes pictures of 24x20
  config.backends.lpips_models_directory = models_folder();
  bench_->start_verifier(config);
  const auto leases = this->leases(3, 2, 5);
  bench_->render(leases[0], picture(31));
  bench_->render(leases[1], brighter_picture(31, 4));  // below 40 dB, and hardly visible
  bench_->verdict(leases[0]);
  bench_->verdict(leases[1]);
  EXPECT_EQ(bench_->query("select count(*) from comparisons where lpips between 0 and 0.2 and "
                          "lpips_network = 'squeeze' and not agree"),
            "1");
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
  bench_->render(leases[2], picture(31));
  EXPECT_EQ(bench_->verdict(leases[2]).decision, Decision::accepted);
  EXPECT_EQ(bench_->query("select count(*) from comparisons where method = 'same_blob' and lpips "
                          "is null"),
            "1");
}

TEST_F(VerifierTest, AnArtifactThatIsNotTheCommittedOneIsVoid) {
  bench_->start_verifier();
  const auto leases = this->leases(4, 2, 5);
  bench_->commit(leases[0], picture(1));
  bench_->send(leases[0], bench_->rendered(leases[0], picture(2)));
  expect_void(leases[0], "not the one that was committed to");

  bench_->send(leases[1], bench_->rendered(leases[1], picture(1)));
  expect_void(leases[1], "never committed");

  bench_->execute("update replicas set committed_sha256 = '" + to_hex(sha256(picture(9))) +
                  "', committed_bytes = " + std::to_string(picture(9).size()) + " where lease = '" +
                  leases[2].id + "'");
  bench_->send(leases[2], bench_->rendered(leases[2], picture(9)));
  expect_void(leases[2], "was not uploaded");

  auto absurd = bench_->rendered(leases[3], picture(1));
  absurd.artifact->size_bytes = ~std::uint64_t{0};
  absurd.artifact->sha256 = "'; drop table results; --";
  absurd.log_tail = std::string("\xff\xfe\0 bytes", 9);
  bench_->send(leases[3], absurd);
  expect_void(leases[3], "names no artifact");
}

TEST_F(VerifierTest, MetadataMakesAnArtifactVoid) {
  bench_->start_verifier();
  const auto leases = this->leases(1, 2, 5);
  Bytes image = picture(1);
  Bytes text;
  append_chunk(text, "tEXt", {'H', 'o', 's', 't', 0, 'p', 'c'});
  image.insert(image.end() - 12, text.begin(), text.end());
  bench_->render(leases[0], image);
  expect_void(leases[0], "tEXt");
}

TEST_F(VerifierTest, AThirdOwnerSettlesADisagreement) {
  bench_->start_verifier();
  const auto leases = this->leases(4, 2, 5);
  bench_->render(leases[0], picture(1));
  bench_->verdict(leases[0]);
  bench_->render(leases[1], picture(2));
  const auto dispute = bench_->verdict(leases[1]);
  EXPECT_EQ(dispute.decision, Decision::more_replicas);
  EXPECT_EQ(dispute.opinions, 2);
  EXPECT_EQ(dispute.replicas_needed, 1);
  bench_->render(leases[2], picture(2));
  const auto settled = bench_->verdict(leases[2]);
  EXPECT_EQ(settled.decision, Decision::accepted);
  EXPECT_EQ(settled.artifact, to_hex(sha256(picture(2))));
  EXPECT_EQ(judged(leases[0]), "rejected");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
  EXPECT_EQ(bench_->query("select rejected from trust where owner = 'owner0'"), "1");

  bench_->render(leases[3], picture(2));  // too late to matter
  const auto late = bench_->verdict(leases[3]);
  EXPECT_EQ(late.decision, Decision::pending);
  EXPECT_TRUE(late.counts);
  EXPECT_EQ(late.replicas_needed, 0);
  EXPECT_EQ(judged(leases[3]), "agreed");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "1");
}

TEST_F(VerifierTest, AUnitThatNobodyCanRenderFailsWithTheReason) {
  bench_->start_verifier();
  const auto leases = this->leases(3, 2, 3);
  bench_->send(leases[0], bench_->failed(leases[0], "missing_texture"));
  const auto first = bench_->verdict(leases[0]);
  EXPECT_EQ(first.decision, Decision::more_replicas);
  EXPECT_EQ(first.opinions + first.replicas_needed, 3);
  bench_->send(leases[1], bench_->failed(leases[1], "missing_texture"));
  const auto second = bench_->verdict(leases[1]);
  EXPECT_EQ(second.decision, Decision::failed);
  EXPECT_THAT(second.reason, HasSubstr("missing_texture"));
  EXPECT_EQ(judged(leases[0]), "failed");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "0");
}

TEST_F(VerifierTest, AnExpiredLeaseIsAnOpinionOnlyWhileTheUnitIsOpen) {
  bench_->start_verifier(1);
  const auto leases = this->leases(3, 2, 5);
  const auto expire = [&](const Lease& lease) {
    bench_->execute("update replicas set state = 'expired' where lease = '" + lease.id + "'");
  };
  expire(leases[0]);
  bench_->render(leases[0], picture(1));
  EXPECT_EQ(bench_->verdict(leases[0]).decision, Decision::pending);
  bench_->render(leases[1], picture(1));
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::accepted);
  expire(leases[2]);
  bench_->render(leases[2], picture(1));
  const Lease next = this->leases(1, 2, 5)[0];
  bench_->render(next, picture(3));
  bench_->verdict(next);  // one worker takes results in order, so the expired one was handled
  EXPECT_TRUE(judged(leases[2]).empty());
}

TEST_F(VerifierTest, ASecondOpinionOfOneOwnerDoesNotCount) {
  bench_->start_verifier();
  const auto unit = bench_->unit(2, 5);
  auto& owner = bench_->volunteer("twice");
  const Lease first = bench_->lease(unit, owner);
  bench_->execute("update replicas set state = 'expired'");
  const Lease second = bench_->lease(unit, owner);
  bench_->render(first, picture(1));
  bench_->verdict(first);
  bench_->render(second, picture(1));
  const Lease other = bench_->lease(unit, bench_->volunteer("other"));
  bench_->render(other, picture(1));
  EXPECT_EQ(bench_->verdict(other).opinions, 2);
  EXPECT_EQ(bench_->query("select count(*) from credit where owner = 'twice'"), "1");
}

TEST_F(VerifierTest, ADatabaseThatGoesAwayLosesNothing) {
  bench_->start_verifier();
  std::vector<std::vector<Lease>> units;
  for (int i = 0; i < 10; ++i) units.push_back(leases(2, 2, 5));
  for (auto& unit : units) {
    for (auto& lease : unit) bench_->commit(lease, picture(1));
  }
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i == 3) {
      bench_->verdict(units[0][0]);
      postgres_->kill();
    }
    for (auto& lease : units[i]) bench_->send(lease, bench_->rendered(lease, picture(1)));
  }
  std::this_thread::sleep_for(std::chrono::seconds(3));  // the outage is the test
  postgres_->restart();
  ASSERT_TRUE(bench_->eventually([&] {
    auto probe = pg::Connection::open(bench_->config().postgres_conninfo);
    return probe && probe->exec("select 1");
  }));
  for (auto& unit : units) {
    for (auto& lease : unit) EXPECT_EQ(bench_->verdict(lease).lease, lease.id);
  }
  EXPECT_TRUE(bench_->eventually(
      [&] { return bench_->query("select count(published_at) from verdicts") == "20"; }));
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "10");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "20");
}

TEST_F(VerifierTest, ABrokerThatGoesAwayLosesNothing) {
  bench_->start_verifier();
  const auto before = leases(2, 2, 5);
  const auto after = leases(2, 2, 5);
  for (const auto& lease : before) bench_->render(lease, picture(1));
  broker_->kill();
  broker_->restart();
  for (const auto& lease : after) {
    ASSERT_TRUE(bench_->eventually([&] { return lease.holder->connection->connected(); }));
    bench_->render(lease, picture(1));
  }
  EXPECT_TRUE(bench_->eventually(
      [&] { return bench_->query("select count(published_at) from verdicts") == "4"; }));
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "2");
}

TEST_F(VerifierTest, ManyVerifiersAcceptEachUnitOnce) {
  for (int i = 0; i < 3; ++i) bench_->start_verifier();
  std::vector<Lease> all;
  for (int i = 0; i < 30; ++i) {
    for (auto& lease : leases(3, 2, 5)) all.push_back(lease);
  }
  for (auto& lease : all) bench_->render(lease, picture(1));
  for (auto& lease : all) EXPECT_EQ(bench_->verdict(lease).lease, lease.id);
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "30");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "60");
  EXPECT_EQ(bench_->query("select count(*) from verdicts where decision = 'accepted'"), "30");
  EXPECT_EQ(bench_->query("select count(*) from verdicts"), "90");
  EXPECT_EQ(bench_->query("select sum(agreed) from trust"), "60");
}

/// The program itself.
class VerifierProgram : public VerifierTest {
 protected:
  Process run(const std::string& yaml) {
    const auto file = folder_.path() / "verifier.yaml";
    EXPECT_TRUE(write_file_atomically(file, yaml));
    ProcessOptions options;
    options.argv = {WS_BINARY_DIR "/worldshare-verifier", "--config", file.string()};
    options.output_file = folder_.path() / "log";
    auto process = Process::spawn(options);
    EXPECT_TRUE(process) << process.error().message;
    return std::move(*process);
  }

  int exit_code(Process& process) {
    const auto status = process.wait(std::chrono::seconds(30));
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }

  std::string yaml(std::uint16_t port) {
    const auto config = bench_->config();
    return "nats: {url: \"" + config.nats_url + "\", seed_file: " + config.nats_seed_file.string() +
           "}\npostgres: {conninfo: \"" + config.postgres_conninfo +
           "\"}\nblobs: {directory: " + config.blobs.directory.string() +
           "}\ndispatcher: {public_key: " + config.dispatcher_public_key +
           "}\nhttp: {port: " + std::to_string(port) + "}\ntrust: {policy: " + config.trust_policy +
           ", policies_file: " + config.policies_file.string() +
           "}\nlpips: {models_directory: /nowhere}\n";
  }

  TempFolder folder_;
};

TEST_F(VerifierProgram, RunsUntilItIsToldToStop) {
  const auto port = free_port();
  auto process = run(yaml(port));
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_TRUE(bench_->eventually([&] {
    const auto health = http::get(url + "/health");
    return health && health->status == 200 && health->body.contains("\"ok\"");
  }));
  const auto health = http::get(url + "/health");
  EXPECT_THAT(health->body, HasSubstr("\"cpu "));
  EXPECT_THAT(health->body, HasSubstr("unavailable: "));  // no model there
  Result<http::Response> ready = fail(Errc::kTimeout, "not yet");
  EXPECT_TRUE(bench_->eventually([&] {
    ready = http::get(url + "/ready");
    return ready && ready->status == 200;
  }));
  for (const char* name : {"postgres", "broker", "assembly", "blobs"})
    EXPECT_THAT(ready->body, HasSubstr(std::string("\"") + name + "\""));
  EXPECT_EQ(http::get(url + "/other")->status, 404U);
  process.kill(SIGTERM);
  EXPECT_EQ(exit_code(process), 0);
}

TEST_F(VerifierProgram, ResultsOfAKilledOneAreJudgedByTheNext) {
  bench_->set_ack_wait(std::chrono::seconds(2));
  auto process = run(yaml(free_port()));
  std::vector<std::vector<Lease>> units;
  for (int i = 0; i < 20; ++i) units.push_back(leases(2, 2, 5));
  for (auto& unit : units) bench_->render(unit[0], picture(1));
  bench_->verdict(units[0][0]);
  process.kill(SIGKILL);
  for (auto& unit : units) bench_->render(unit[1], picture(1));
  auto next = run(yaml(free_port()));
  EXPECT_TRUE(bench_->eventually(
      [&] { return bench_->query("select count(published_at) from verdicts") == "40"; }));
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "20");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "40");
  broker_->provision();
}

TEST_F(VerifierProgram, BadConfigurationEndsItWithTwo) {
  auto unknown_key = run(yaml(0) + "colour: red\n");
  EXPECT_EQ(exit_code(unknown_key), 2);
  auto nothing = run("workers: 1\n");
  EXPECT_EQ(exit_code(nothing), 2);
}

TEST_F(VerifierProgram, ServicesThatDoNotAppearEndItWithThree) {
  const auto nobody = "nats://127.0.0.1:" + std::to_string(free_port());
  std::string text = yaml(0);
  text.replace(text.find(bench_->config().nats_url), bench_->config().nats_url.size(), nobody);
  auto process = run(text + "startup: {wait_seconds: 1}\n");
  EXPECT_EQ(exit_code(process), 3);
}

}  // namespace
}  // namespace worldshare::testing
