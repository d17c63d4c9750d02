#include <random>

#include "tests/integration/dispatcher_fixture.h"
#include "tests/support/random_replicas.h"
#include "verifier/desk/verification_desk.h"
#include "verifier/image/png_file.h"

namespace worldshare::testing {
namespace {

using verifier::Shape;

/// A gateway, and the verifier's desk beside it, which answers when it is told to.
class VerificationTest : public DispatcherTest {
 protected:
  void SetUp() override {
    DispatcherTest::SetUp();
    pg_.emplace(std::move(*pg::Connection::open(config_.postgres_conninfo)));
    store_.emplace(std::move(*blobs::Store::open(config_.blobs.directory)));
    desk_ = desk();
  }
  std::unique_ptr<verifier::VerificationDesk> desk(std::uint64_t pixel_bytes = 2ULL << 30) {
    return std::make_unique<verifier::VerificationDesk>(
        std::move(*pg::Connection::open(config_.postgres_conninfo)), verifier::Tolerances{},
        verifier::ComparisonLimits{1U << 20U, pixel_bytes},
        verifier::ComparisonTools{*store_, *metrics_, nullptr});
  }
  /// Pictures of one shape, as PNG files.
  std::vector<std::string> files(Kind kind,
                                 std::size_t count,
                                 Shape shape = {48, 32, 3, verifier::Depth::kU8}) {
    std::vector<std::string> out;
    for (const auto& picture : random_replicas(shape, kind, count, random_)) {
      const Bytes file = verifier::png_file(picture);
      out.emplace_back(reinterpret_cast<const char*>(file.data()), file.size());
    }
    return out;
  }
  std::string request(const std::vector<std::string>& shas, const std::string& more = "") {
    std::string list;
    for (const auto& sha : shas) list += (list.empty() ? "\"" : ", \"") + sha + "\"";
    return R"({"artifacts": [)" + list + "]" + more + "}";
  }
  http::Response ask(const std::string& body, const std::string& key = "") {
    std::map<std::string, std::string> headers;
    if (!key.empty()) headers["Idempotency-Key"] = key;
    return http::post(url_ + "/v1/verifications", "application/json", body, options_, headers)
        .value();
  }
  std::string asked(const std::string& body) {
    const auto response = ask(body);
    EXPECT_EQ(response.status, 202U) << response.body;
    const auto made = messages::parse_json<wire::VerificationT>(response.body);
    EXPECT_TRUE(made && made->state == "waiting" && made->pairs.empty());
    return made ? made->id : "";
  }
  wire::VerificationT read(const std::string& id) {
    const auto response = http::get(url_ + "/v1/verifications/" + id, options_);
    EXPECT_TRUE(response && response->status == 200);
    return messages::parse_json<wire::VerificationT>(response->body).value();
  }
  wire::VerificationT answered(const std::vector<std::string>& pictures,
                               const std::string& more = "") {
    std::vector<std::string> shas;
    for (const auto& picture : pictures) shas.push_back(upload(picture));
    const std::string id = asked(request(shas, more));
    const auto answer = desk_->do_next();
    EXPECT_TRUE(answer && *answer) << (answer ? "nothing was due" : answer.error().message);
    return read(id);
  }
  std::string problem(const std::string& body, unsigned status) {
    const auto response = ask(body);
    EXPECT_EQ(response.status, status) << response.body;
    return response.body;
  }

  std::mt19937 random_{7};
  std::optional<pg::Connection> pg_;
  std::optional<blobs::Store> store_;
  std::unique_ptr<verifier::Metrics> metrics_ = verifier::make_cpu_metrics({});
  std::unique_ptr<verifier::VerificationDesk> desk_;
};

TEST_F(VerificationTest, EqualPicturesAgreeWithoutBeingMeasured) {
  const auto picture = files(Kind::kFar, 1)[0];
  const auto verdict = answered({picture, picture});
  EXPECT_EQ(verdict.state, "done");
  EXPECT_TRUE(verdict.agreed);
  ASSERT_EQ(verdict.pairs.size(), 1U);
  EXPECT_EQ(verdict.pairs[0]->method, "same_blob");
  EXPECT_TRUE(verdict.pairs[0]->heat_map.empty());
  EXPECT_EQ(verdict.reason, "all have the same pixels");
}

TEST_F(VerificationTest, WhoDiffersIsNamedWithAPictureOfWhere) {
  auto pictures = files(Kind::kNear, 2);
  pictures.push_back(files(Kind::kFar, 1)[0]);
  const auto verdict = answered(pictures, R"(, "title": "three")");
  EXPECT_EQ(verdict.state, "done");
  EXPECT_EQ(verdict.title, "three");
  EXPECT_FALSE(verdict.agreed);
  ASSERT_EQ(verdict.pairs.size(), 3U);
  EXPECT_TRUE(verdict.pairs[0]->agree) << verdict.reason;
  EXPECT_FALSE(verdict.pairs[1]->agree);
  EXPECT_FALSE(verdict.pairs[2]->agree);
  EXPECT_LT(*verdict.pairs[2]->psnr_db, 20);
  EXPECT_NE(verdict.reason.find("1 and 3 ("), std::string::npos) << verdict.reason;
  EXPECT_NE(verdict.reason.find("2 and 3 ("), std::string::npos) << verdict.reason;
  EXPECT_EQ(verdict.reason.find("1 and 2"), std::string::npos) << verdict.reason;
  const auto map = http::get(verdict.pairs[1]->heat_map, {});  // a signed URL needs no token
  ASSERT_TRUE(map && map->status == 200);
  EXPECT_EQ(map->body.substr(1, 3), "PNG");
}

TEST_F(VerificationTest, OneClassIsHeldToTheTightTolerance) {
  const Shape shape{96, 96, 3, verifier::Depth::kU8};
  const auto near = files(Kind::kNoise, 2, shape);
  const auto loose = answered(near);
  ASSERT_EQ(loose.pairs.size(), 1U);
  ASSERT_TRUE(loose.pairs[0]->psnr_db);
  const auto tight = answered(near, R"(, "same_class": true)");
  EXPECT_FALSE(tight.agreed);
  EXPECT_TRUE(tight.same_class);
  EXPECT_NE(tight.reason.find("70 dB"), std::string::npos) << tight.reason;
  EXPECT_NE(loose.reason.find("40 dB"), std::string::npos) << loose.reason;
}

TEST_F(VerificationTest, PicturesOfDifferentShapeAreIncomparableAndNotAnError) {
  const auto verdict = answered(
      {files(Kind::kFlat, 1)[0], files(Kind::kFlat, 1, {20, 20, 3, verifier::Depth::kU8})[0]});
  EXPECT_EQ(verdict.state, "done");
  ASSERT_EQ(verdict.pairs.size(), 1U);
  EXPECT_EQ(verdict.pairs[0]->method, "incomparable");
  EXPECT_NE(verdict.reason.find("of different size"), std::string::npos) << verdict.reason;
}

TEST_F(VerificationTest, WhatIsNoPictureFailsAndSaysWhichItIs) {
  const auto verdict = answered({files(Kind::kFlat, 1)[0], "not a picture"});
  EXPECT_EQ(verdict.state, "failed");
  EXPECT_TRUE(verdict.pairs.empty());
  EXPECT_EQ(verdict.reason.find("picture 2: "), 0U) << verdict.reason;
  EXPECT_NE(verdict.finished_ms, 0U);
}

TEST_F(VerificationTest, PicturesThatWouldTakeTooMuchMemoryFail) {
  desk_ = desk(1'000);
  const auto verdict = answered(files(Kind::kFar, 2));
  EXPECT_EQ(verdict.state, "failed");
  EXPECT_EQ(verdict.reason.find("picture 1: "), 0U) << verdict.reason;
}

TEST_F(VerificationTest, BadInputNamesTheField) {
  const std::string one = upload(files(Kind::kFlat, 1)[0]);
  EXPECT_NE(problem("{}", 400).find("artifacts: must name 2 to 5"), std::string::npos);
  EXPECT_NE(problem(request({one}), 400).find("artifacts: must name 2 to 5"), std::string::npos);
  EXPECT_NE(problem(request(std::vector(6, one)), 400).find("2 to 5"), std::string::npos);
  EXPECT_NE(problem(request({one, "../etc"}), 400).find("artifacts[1]: must be"),
            std::string::npos);
  EXPECT_NE(problem(request({one, std::string(64, '0')}), 404).find("artifacts[1]: there is no"),
            std::string::npos);
  EXPECT_NE(problem(request({one, one}, R"(, "title": ")" + std::string(300, 'x') + "\""), 400)
                .find("title: "),
            std::string::npos);
  EXPECT_EQ(http::get(url_ + "/v1/verifications/nobody", options_)->status, 404U);
  EXPECT_FALSE(*desk_->do_next()) << "nothing of it was kept";
}

TEST_F(VerificationTest, OneKeyMakesOneVerification) {
  const std::string one = upload(files(Kind::kFlat, 1)[0]);
  const auto first = ask(request({one, one}), "key");
  const auto again = ask(request({one, one}), "key");
  EXPECT_EQ(first.status, 202U);
  EXPECT_EQ(first.headers.at("location"), again.headers.at("location"));
  EXPECT_EQ(ask(request({one, one, one}), "key").status, 409U);
  EXPECT_TRUE(*desk_->do_next());
  EXPECT_FALSE(*desk_->do_next());
}

TEST_F(VerificationTest, ATenantThatHasAHundredWaitingIsToldSo) {
  const std::string one = upload(files(Kind::kFlat, 1)[0]);
  asked(request({one, one}));
  ASSERT_TRUE(
      pg_->exec("insert into verifications (id, tenant, title, same_class) select 'v' || i, "
                "tenant, '', false "
                "from verifications, generate_series(1, 99) i"));
  EXPECT_NE(problem(request({one, one}), 409).find("100 verifications waiting"), std::string::npos);
}

TEST_F(VerificationTest, TheListIsPagedAndTheNewestComesFirst) {
  const std::string one = upload(files(Kind::kFlat, 1)[0]);
  const std::string older = asked(request({one, one}));
  const std::string newer = asked(request({one, one}));
  const auto page = [&](const std::string& query) {
    return messages::parse_json<wire::VerificationListT>(
               http::get(url_ + "/v1/verifications?limit=1" + query, options_)->body)
        .value();
  };
  const auto first = page("");
  ASSERT_EQ(first.verifications.size(), 1U);
  EXPECT_EQ(first.verifications[0]->id, newer);
  const auto second = page("&cursor=" + first.next);
  ASSERT_EQ(second.verifications.size(), 1U);
  EXPECT_EQ(second.verifications[0]->id, older);
  EXPECT_TRUE(second.next.empty());
}

TEST_F(VerificationTest, ARequestThatIsInWorkIsTakenByTheNextDeskOnlyWhenTheFirstDies) {
  const std::string one = upload(files(Kind::kFlat, 1)[0]);
  const std::string id = asked(request({one, one}));
  {
    auto other = pg::Transaction::begin(*pg_);
    ASSERT_TRUE(other->exec("select from verifications where id = $1 for update", {id}));
    EXPECT_FALSE(*desk_->do_next());
  }
  EXPECT_TRUE(*desk_->do_next());
  EXPECT_EQ(read(id).state, "done");
}

}  // namespace
}  // namespace worldshare::testing
