#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "shared/blobs/store_settings.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/http/client.h"
#include "tests/support/s3_server.h"

// What is of an object store only: credentials, absence, and what agents hand in past the gateway.

namespace worldshare::blobs {
namespace {

using namespace std::chrono_literals;
using worldshare::testing::S3Server;
using worldshare::testing::TempFolder;

std::string name_of(const std::string& bytes) { return to_hex(sha256(as_bytes(bytes))); }

unsigned put_to(const Grant& grant, const std::string& bytes) {
  const auto response = http::put(grant.url, as_bytes(bytes), {}, grant.headers);
  return response ? response->status : 0;
}

Result<> put(const Store& store, const std::string& bytes) {
  auto upload = store.begin(name_of(bytes), bytes.size());
  if (!upload) return std::unexpected(upload.error());
  if (auto ok = upload->write(as_bytes(bytes)); !ok) return ok;
  return upload->commit();
}

class S3Store : public ::testing::Test {
 protected:
  Store open() { return server_.settings(folder_.path() / "copies").open().value(); }
  Error error_of(const StoreSettings& settings) const {
    const auto store = settings.open();
    return store ? Error{} : store.error();
  }
  std::size_t incoming() const {
    return server_.client().list("farm/incoming/", "", 1000).value().size();
  }
  TempFolder folder_;
  S3Server server_;
};

TEST_F(S3Store, WrongSettingsAreNamed) {
  auto settings = server_.settings(folder_.path());
  const auto credentials = folder_.path() / "credentials";
  const auto with = [&](const std::string& text, mode_t mode) {
    EXPECT_TRUE(write_file_atomically(credentials, text, mode));
    settings.s3_credentials_file = credentials;
    return error_of(settings);
  };
  Error error = with("access_key: someone\nsecret_key: else\n", 0600);
  EXPECT_EQ(error.code, Errc::kDenied);
  EXPECT_TRUE(error.message.starts_with("blobs.s3.credentials_file: ")) << error.message;
  error = with(std::string("access_key: ") + S3Server::kAccessKey + "\nsecret_key: wrong\n", 0600);
  EXPECT_EQ(error.code, Errc::kDenied);
  EXPECT_TRUE(error.message.contains("SignatureDoesNotMatch")) << error.message;
  error = with("access_key: a\nsecret_key: b\n", 0644);
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_TRUE(error.message.contains("chmod 600")) << error.message;
  error = with("access_key: a\n", 0600);
  EXPECT_TRUE(error.message.contains("must hold access_key and secret_key")) << error.message;
  error = with("acces_key: a\n", 0600);
  EXPECT_TRUE(error.message.contains("acces_key")) << error.message;

  settings = server_.settings(folder_.path());
  settings.s3_bucket = "nowhere";
  error = error_of(settings);
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_TRUE(error.message.starts_with("blobs.s3.bucket: ")) << error.message;

  settings = server_.settings(folder_.path());
  settings.s3_endpoint = "s3.example.org";
  EXPECT_TRUE(settings.check().error().message.starts_with("blobs.s3.endpoint: "));
  settings.s3_endpoint = "http://s3.example.org";
  EXPECT_TRUE(settings.check().error().message.contains("blobs.s3.allow_plain"));
  settings.s3_allow_plain = true;
  EXPECT_TRUE(settings.check());
  settings.s3_prefix = "farm";
  EXPECT_TRUE(settings.check().error().message.starts_with("blobs.s3.prefix: "));
  settings.s3_prefix = "";
  settings.s3_part_bytes = 1000;
  EXPECT_TRUE(settings.check().error().message.starts_with("blobs.s3.part_bytes: "));
  settings.s3_endpoint = "";
  EXPECT_TRUE(settings.check().error().message.starts_with("blobs.s3.endpoint: "));
}

TEST_F(S3Store, ItsBucketIsMadeOnceAndOnlyWithTheRightKey) {
  auto settings = server_.settings(folder_.path());
  settings.s3_bucket = "a-new-one";
  EXPECT_EQ(error_of(settings).code, Errc::kInvalid);
  settings.s3_credentials_file = folder_.path() / "credentials";
  EXPECT_TRUE(write_file_atomically(settings.s3_credentials_file,
                                    "access_key: someone\nsecret_key: else\n", 0600));
  const Error refused = settings.provision().error();
  EXPECT_EQ(refused.code, Errc::kDenied);
  EXPECT_TRUE(refused.message.starts_with("blobs.s3.credentials_file: ")) << refused.message;
  settings.s3_credentials_file = server_.credentials_file();
  const auto made = settings.provision();
  ASSERT_TRUE(made) << made.error().message;
  const Store store = settings.open().value();
  ASSERT_TRUE(put(store, "kept"));
  EXPECT_TRUE(settings.provision()) << "again is no error";
  EXPECT_EQ(store.size(name_of("kept")).value(), 4U);
  server_.kill();
  EXPECT_EQ(settings.provision().error().code, Errc::kUnavailable);
}

TEST_F(S3Store, WhenItIsAwayThatIsSaidAndNothingIsLost) {
  const Store store = open();
  ASSERT_TRUE(put(store, "before"));
  server_.kill();
  EXPECT_EQ(error_of(server_.settings(folder_.path() / "new")).code, Errc::kUnavailable);
  const auto size = store.size(name_of("before"));
  EXPECT_EQ(size.error().code, Errc::kUnavailable);
  EXPECT_TRUE(size.error().message.contains(server_.endpoint())) << size.error().message;
  EXPECT_EQ(put(store, "meanwhile").error().code, Errc::kUnavailable);
  EXPECT_NE(store.trouble(), "");
  server_.restart();
  EXPECT_EQ(store.size(name_of("before")).value(), 6U);
  EXPECT_EQ(store.size(name_of("meanwhile")).error().code, Errc::kNotFound);
  EXPECT_TRUE(put(store, "meanwhile"));
  EXPECT_EQ(store.trouble(), "");
}

TEST_F(S3Store, WhatPassesByItselfIsTriedAgain) {
  const Store store = open();
  server_.kill();
  std::atomic<int> calls = 0;
  Result<> done;
  std::thread patient([&] {
    // One call is tried for a second; the server takes as long to start as it takes.
    for (done = put(store, "patience"); !done && calls < 60; done = put(store, "patience")) ++calls;
  });
  server_.restart();
  patient.join();
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(S3Store, KilledHalfWayNothingIsSeenAndItCanBeSentAgain) {
  auto settings = server_.settings(folder_.path() / "copies");
  settings.s3_part_bytes = 5U << 20U;
  const Store store = settings.open().value();
  const std::string bytes(12U << 20U, 'x');
  const std::string name = name_of(bytes);
  {
    auto upload = store.begin(name, bytes.size());
    ASSERT_TRUE(upload->write(as_bytes(std::string_view(bytes).substr(0, 6U << 20U))));
    server_.kill();
    auto rest = upload->write(as_bytes(std::string_view(bytes).substr(6U << 20U)));
    if (rest) rest = upload->commit();
    EXPECT_EQ(rest.error().code, Errc::kUnavailable);
  }
  server_.restart();
  EXPECT_EQ(store.size(name).error().code, Errc::kNotFound);
  ASSERT_TRUE(put(store, bytes));
  EXPECT_EQ(store.size(name).value(), bytes.size());
}

TEST_F(S3Store, AUrlToReadIsGoodForOneBlobAndItsRanges) {
  const Store store = open();
  ASSERT_TRUE(put(store, "0123456789"));
  const auto grant = store.grant_get(name_of("0123456789"), 60s).value();
  EXPECT_EQ(http::get(grant.url)->body, "0123456789");
  const auto part = http::send("GET", grant.url, {{"range", "bytes=2-4"}}, {}, {});
  EXPECT_EQ(part->status, 206U);
  EXPECT_EQ(part->body, "234");
  const auto other = store.grant_get(name_of("other"), 60s).value();
  EXPECT_EQ(http::get(other.url)->status, 404U);
  std::string stolen = grant.url;
  stolen.replace(stolen.find(name_of("0123456789")), 64, name_of("other"));
  EXPECT_EQ(http::get(stolen)->status, 403U);
  EXPECT_EQ(http::put(grant.url, as_bytes("0123456789"))->status, 403U);
  const auto expired = store.grant_get(name_of("0123456789"), -1s).value();
  EXPECT_EQ(http::get(expired.url)->status, 403U);
}

TEST_F(S3Store, AnAgentsUploadBecomesABlobWhenItWasHashed) {
  const Store store = open();
  const std::string bytes = "the picture";
  const std::string name = name_of(bytes);
  const auto grant = store.grant_put(name, bytes.size(), "lease1", 60s).value();
  EXPECT_EQ(put_to(grant, "the picture and more"), 403U) << "its size is signed";
  EXPECT_EQ(http::put(grant.url, as_bytes(bytes), {})->status, 403U) << "its hash is signed";
  EXPECT_EQ(http::put(grant.url, as_bytes(bytes), {}, {{"x-amz-content-sha256", name_of("other")}})
                ->status,
            403U);
  EXPECT_EQ(store.admit(name, bytes.size(), "lease1").error().code, Errc::kNotFound);
  EXPECT_EQ(put_to(grant, bytes), 200U);
  EXPECT_EQ(store.size(name).error().code, Errc::kNotFound) << "nobody has hashed it";
  ASSERT_TRUE(store.admit(name, bytes.size(), "lease1"));
  EXPECT_EQ(as_text(store.read(name, 100).value()), bytes);
  EXPECT_EQ(incoming(), 0U);
  EXPECT_TRUE(store.admit(name, bytes.size(), "lease1")) << "again is no error";
  EXPECT_EQ(put_to(store.grant_put(name, bytes.size(), "lease2", 60s).value(), bytes), 200U);
  EXPECT_TRUE(store.admit(name, bytes.size(), "lease2")) << "nor by another lease";
  EXPECT_EQ(incoming(), 0U);
}

TEST_F(S3Store, BytesThatAreNotTheArtifactNeverBecomeABlob) {
  const Store store = open();
  const std::string name = name_of("the picture");
  const auto grant = store.grant_put(name, 11, "lease1", 60s).value();
  EXPECT_EQ(put_to(grant, "the pictuRe"), 200U) << "this store does not hash";
  EXPECT_EQ(store.admit(name, 11, "lease1").error().code, Errc::kCorrupt);
  EXPECT_EQ(store.size(name).error().code, Errc::kNotFound);
  EXPECT_EQ(incoming(), 0U);
  // Nor do they harm who hands in the right ones.
  EXPECT_EQ(put_to(store.grant_put(name, 11, "lease2", 60s).value(), "the picture"), 200U);
  ASSERT_TRUE(store.admit(name, 11, "lease2"));
  EXPECT_EQ(put_to(grant, "the pictuRe"), 200U) << "its URL is still good, for its own place";
  EXPECT_TRUE(store.admit(name, 11, "lease1"));
  EXPECT_EQ(incoming(), 0U);
  const Store other = server_.settings(folder_.path() / "other").open().value();
  EXPECT_EQ(as_text(other.read(name, 100).value()), "the picture");
}

TEST_F(S3Store, ALeaseHasOnePlaceHoweverOftenItCommits) {
  const Store store = open();
  for (int i = 0; i < 5; ++i) {
    const std::string bytes = "picture " + std::to_string(i);
    EXPECT_EQ(put_to(store.grant_put(name_of(bytes), bytes.size(), "lease", 60s).value(), bytes),
              200U);
  }
  EXPECT_EQ(incoming(), 1U);
  EXPECT_EQ(store.drop_leftovers(SystemClock().now() - 1h).value(), 0U);
  EXPECT_EQ(store.drop_leftovers(SystemClock().now() + 1h).value(), 1U);
  EXPECT_EQ(incoming(), 0U);
}

TEST(S3StoreThatHashes, RefusesOtherBytesByItself) {
  const TempFolder folder;
  const S3Server server(true);
  const Store store = server.settings(folder.path() / "copies").open().value();
  const auto grant = store.grant_put(name_of("the picture"), 11, "lease", 60s).value();
  EXPECT_EQ(put_to(grant, "the pictuRe"), 400U);
  EXPECT_EQ(put_to(grant, "the picture"), 200U);
  ASSERT_TRUE(store.admit(name_of("the picture"), 11, "lease"));
  ASSERT_TRUE(put(store, std::string(6U << 20U, 'x'))) << "our own bytes pass";
}

}  // namespace
}  // namespace worldshare::blobs
