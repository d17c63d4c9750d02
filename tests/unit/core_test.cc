#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "shared/crypto.h"
#include "shared/file_lock.h"
#include "shared/files.h"
#include "shared/ids.h"
#include "shared/open_files.h"
#include "shared/version.h"
#include "shared/yaml_fields.h"

namespace worldshare {
namespace {

TEST(Sha256, MatchesThePublishedVector) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, MatchesRfc4231Case2) {
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(NKey, SurvivesItsSeedAndSigns) {
  const NKey key = NKey::generate();
  EXPECT_TRUE(is_user_nkey(key.public_key()));
  EXPECT_TRUE(key.seed().starts_with("SU"));
  const auto again = NKey::from_seed(key.seed());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->public_key(), key.public_key());
  const Bytes signature = key.sign(as_bytes("frame 7"));
  EXPECT_TRUE(verify_signature(key.public_key(), as_bytes("frame 7"), signature));
  EXPECT_FALSE(verify_signature(key.public_key(), as_bytes("frame 8"), signature));
  EXPECT_FALSE(verify_signature(NKey::generate().public_key(), as_bytes("frame 7"), signature));
}

TEST(NKey, RefusesADamagedSeed) {
  std::string seed = NKey::generate().seed();
  seed[20] = seed[20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(NKey::from_seed(seed).error().code, Errc::kInvalid);
  EXPECT_EQ(NKey::from_seed("").error().code, Errc::kInvalid);
}

TEST(NKey, RefusesAKeyFileThatOthersMayRead) {
  const auto path = std::filesystem::temp_directory_path() / ("ws-key-" + new_id());
  const NKey key = NKey::generate();
  ASSERT_TRUE(key.save(path));
  EXPECT_EQ(NKey::load(path)->public_key(), key.public_key());
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_EQ(NKey::load(path).error().code, Errc::kDenied);
  std::filesystem::remove(path);
}

TEST(NKey, TakesAFileThatRootGaveToOurGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const auto path = std::filesystem::temp_directory_path() / ("ws-key-" + new_id());
  ASSERT_TRUE(NKey::generate().save(path));
  const auto code_for_nobody = [&](unsigned mode) {
    std::filesystem::permissions(path, std::filesystem::perms(mode));
    EXPECT_EQ(::chown(path.c_str(), 0, 65534), 0);
    EXPECT_EQ(::setegid(65534), 0);
    EXPECT_EQ(::seteuid(65534), 0);
    const auto key = NKey::load(path);
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_EQ(::setegid(0), 0);
    return key ? std::optional<Errc>() : key.error().code;
  };
  EXPECT_EQ(code_for_nobody(0440), std::nullopt);
  EXPECT_EQ(code_for_nobody(0460), Errc::kDenied);
  EXPECT_EQ(code_for_nobody(0444), Errc::kDenied);
  std::filesystem::remove(path);
}

TEST(Ids, AreOneTokenAndDiffer) {
  const std::string id = new_id();
  EXPECT_TRUE(is_id(id));
  EXPECT_NE(id, new_id());
  EXPECT_FALSE(is_id("a.b"));
}

TEST(YamlFields, NamesTheLineOfAnUnknownKey) {
  std::string name;
  YamlFields fields;
  fields.add("name", name);
  const auto outcome = fields.load_text("name: x\nnmae: y\n", "agent.yaml");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "agent.yaml:2: unknown key 'nmae'");
}

TEST(YamlFields, ReadsNestedKeysAndRefusesWrongTypes) {
  std::chrono::milliseconds lease{};
  std::uint16_t port = 0;
  YamlFields fields;
  fields.add("lease.seconds", lease).add("http.port", port);
  ASSERT_TRUE(fields.load_text("lease: {seconds: 1.5}\nhttp: {port: 8080}\n", "c"));
  EXPECT_EQ(lease.count(), 1500);
  EXPECT_EQ(port, 8080);
  EXPECT_FALSE(fields.load_text("lease: {seconds: nan}\n", "c"));
  EXPECT_FALSE(fields.load_text("http: {port: 70000}\n", "c"));
  EXPECT_FALSE(fields.load_text("http: {port: -1}\n", "c"));
  EXPECT_FALSE(fields.load_text("http: [1\n", "c"));
}

TEST(Files, AtomicWriteReplacesTheWholeFile) {
  const auto path = std::filesystem::temp_directory_path() / ("ws-file-" + new_id());
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(*read_file(path, 10), "two");
  EXPECT_EQ(read_file(path, 2).error().code, Errc::kInvalid);
  std::filesystem::remove(path);
}

TEST(FileLock, IsHeldByOneUntilItGoes) {
  const auto file = std::filesystem::temp_directory_path() / ("worldshare-" + new_id());
  {
    auto first = FileLock::try_take(file);
    ASSERT_TRUE(first) << first.error().message;
    const FileLock moved = std::move(*first);
    EXPECT_EQ(FileLock::try_take(file).error().code, Errc::kConflict);
  }
  EXPECT_TRUE(FileLock::try_take(file));
  std::filesystem::remove(file);
  EXPECT_EQ(FileLock::try_take(file / "none").error().code, Errc::kUnavailable);
}

TEST(FileLock, IsWaitedFor) {
  const auto file = std::filesystem::temp_directory_path() / ("worldshare-" + new_id());
  std::optional<FileLock> held(*FileLock::take(file));
  bool waited = false;
  const auto next = FileLock::take(file, [&] {
    waited = true;
    held.reset();
  });
  EXPECT_TRUE(next && waited);
  std::filesystem::remove(file);
}

TEST(OpenFiles, AreAsManyAsTheHardLimitAllows) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(allow_open_files(), before.rlim_max);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(VersionAtLeast, ComparesByNumber) {
  EXPECT_TRUE(version_at_least("3.10.0", "3.9"));
  EXPECT_TRUE(version_at_least("3.4.1", "3.4"));
  EXPECT_FALSE(version_at_least("3.4", "3.4.1"));
  EXPECT_FALSE(version_at_least("", "3.4"));
}

}  // namespace
}  // namespace worldshare
