#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>
#include <vector>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/nats/jwt/agent_authority.h"
#include "shared/nats/jwt/jwt_summary.h"
#include "tests/support/temp_folder.h"

namespace worldshare::nats {
namespace {

// The key whose seed is the bytes 0 to 31, as nkeys.js 1.1 spells it.
constexpr const char* kAccountSeed = "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI";
constexpr const char* kAccount = "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV";
constexpr const char* kOperatorSeed = "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA";
constexpr const char* kOperator = "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT";
constexpr const char* kUserSeed = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
constexpr const char* kUser = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";

// kUser as the user of kAccount, encoded with Python's json and base64 and signed by nkeys.js.
constexpr const char* kAgentJwt =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJleHAiOjE4MDAwMDAwMDAsImlhdCI6MTcwMDAwM"
    "DAwMCwiaXNzIjoiQUFCMkNCNTc2UEhCQlBRNU9ET1JSWjJMWUNNV1BaR1dHQ04yS0RLN0RYT0lNWkFTS1VZM1FQW"
    "lYiLCJqdGkiOiJNUEZPVFJOWEhNVEJPNEpKWldaVFg1NVNBT09DRVk2M01SRVVXQU01QUs2MlU1TERJRzVBIiwib"
    "mFtZSI6IlVBQjJDQjU3NlBIQkJQUTVPRE9SUloyTFlDTVdQWkdXR0NOMktESzdEWE9JTVpBU0tVWTNSTEtLIiwib"
    "mF0cyI6eyJ0eXBlIjoidXNlciIsInN1YnMiOi0xLCJkYXRhIjotMSwicGF5bG9hZCI6LTEsInB1YiI6eyJhbGxvd"
    "yI6WyJycGMuVUFCMkNCNTc2UEhCQlBRNU9ET1JSWjJMWUNNV1BaR1dHQ04yS0RLN0RYT0lNWkFTS1VZM1JMS0suK"
    "iIsImhiLlVBQjJDQjU3NlBIQkJQUTVPRE9SUloyTFlDTVdQWkdXR0NOMktESzdEWE9JTVpBU0tVWTNSTEtLIiwic"
    "mVzdWx0cy5VQUIyQ0I1NzZQSEJCUFE1T0RPUlJaMkxZQ01XUFpHV0dDTjJLREs3RFhPSU1aQVNLVVkzUkxLSy4qI"
    "l19LCJzdWIiOnsiYWxsb3ciOlsiX0lOQk9YLlVBQjJDQjU3NlBIQkJQUTVPRE9SUloyTFlDTVdQWkdXR0NOMktES"
    "zdEWE9JTVpBU0tVWTNSTEtLLj4iLCJ3b3JrLlVBQjJDQjU3NlBIQkJQUTVPRE9SUloyTFlDTVdQWkdXR0NOMktES"
    "zdEWE9JTVpBU0tVWTNSTEtLLioiXX0sImFsbG93ZWRfY29ubmVjdGlvbl90eXBlcyI6WyJTVEFOREFSRCJdLCJ2Z"
    "XJzaW9uIjoyfSwic3ViIjoiVUFCMkNCNTc2UEhCQlBRNU9ET1JSWjJMWUNNV1BaR1dHQ04yS0RLN0RYT0lNWkFTS"
    "1VZM1JMS0sifQ.-MLw3yXK-SZ_Anh045M5JYt9j_GULUmcJBV9MpRHnjzgGJsr6bNFTcQcR0FkgIVhyRDDoyCDyy"
    "RXwuhh7G3FAA";

// An operator's that nsc wrote.
constexpr const char* kForeignJwt =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiIyVFgzUDZJMkZON0hUTVNFWFVQV1VFN"
    "kNNVTc2UkhNSFpaSlFGUUFFREpYNE5CMlc2TENBIiwiaWF0IjoxNzQ3MTA0MTIzLCJpc3MiOiJPQlk0NU5ZN1FCM"
    "0xGSEkyS1cyTkZCQTZZRFlGUFBRVEpET1pTRldRT1gyRllQRjNURksySTRXMyIsIm5hbWUiOiJPIiwic3ViIjoiT"
    "0JZNDVOWTdRQjNMRkhJMktXMk5GQkE2WURZRlBQUVRKRE9aU0ZXUU9YMkZZUEYzVEZLMkk0VzMiLCJuYXRzIjp7I"
    "nN5c3RlbV9hY2NvdW50IjoiQUFJM0pPTE1PMzJXTDRJRFVNR0tGRTdLNjZJRkg0VVlENDVLVDY0NlRDWlRWNU9EN"
    "ExKSjRTQlEiLCJ0eXBlIjoib3BlcmF0b3IiLCJ2ZXJzaW9uIjoyfX0.jqQMkrF4UVIvSsMFLJdHr1o6racczOUqy"
    "MOX9b4BtUJRteIa8SVVQALZuGID0Vmi2YShoWUPhaDkgRFT5idJCQ";

SigningKey key_of(NKeyKind kind, const char* seed) {
  const testing::TempFolder folder;
  EXPECT_TRUE(write_file_atomically(folder.path() / "seed", seed, 0600));
  auto key = SigningKey::load(kind, folder.path() / "seed");
  EXPECT_TRUE(key) << key.error().message;
  return *key;
}

unsigned mode_of(const std::filesystem::path& file) {
  struct stat info{};
  return ::stat(file.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

TEST(NKeyText, IsWhatOthersWrite) {
  EXPECT_EQ(NKey::from_seed(kUserSeed)->public_key(), kUser);
  EXPECT_EQ(key_of(NKeyKind::kAccount, kAccountSeed).public_key(), kAccount);
  EXPECT_EQ(key_of(NKeyKind::kOperator, kOperatorSeed).public_key(), kOperator);
}

TEST(NKeyText, IsOfOneKindAndHasAChecksum) {
  EXPECT_TRUE(nkey_bytes(NKeyKind::kUser, kUser));
  EXPECT_FALSE(nkey_bytes(NKeyKind::kAccount, kUser));
  EXPECT_FALSE(nkey_bytes(NKeyKind::kUser, kAccount));
  EXPECT_FALSE(nkey_bytes(NKeyKind::kUser, kUserSeed));
  std::string damaged = kUser;
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(nkey_bytes(NKeyKind::kUser, damaged));
  EXPECT_FALSE(nkey_bytes(NKeyKind::kUser, std::string(kUser) + "A"));
  EXPECT_FALSE(nkey_bytes(NKeyKind::kUser, std::string(100'000, 'U')));
}

TEST(SigningKey, RefusesAnothersSeedAndWhatOthersMayRead) {
  const testing::TempFolder folder;
  const auto file = folder.path() / "seed";
  ASSERT_TRUE(write_file_atomically(file, kAccountSeed, 0600));
  const auto other = SigningKey::load(NKeyKind::kOperator, file);
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().message.contains("SO")) << other.error().message;
  ASSERT_TRUE(write_file_atomically(file, kAccountSeed, 0644));
  EXPECT_EQ(SigningKey::load(NKeyKind::kAccount, file).error().code, Errc::kDenied);
}

TEST(SigningKey, OfAnAgentFollowsFromItsNameAndTheSecret) {
  const auto derive = [](std::string_view secret, std::string_view name) {
    return SigningKey::derive(NKeyKind::kAccount, as_bytes(secret), name).public_key();
  };
  EXPECT_EQ(derive("secret", kUser), derive("secret", kUser));
  EXPECT_NE(derive("secret", kUser), derive("secret", kAccount));
  EXPECT_NE(derive("secret", kUser), derive("Secret", kUser));
}

TEST(Jwt, IsWhatOthersEncodeAndSign) {
  EXPECT_EQ(
      agent_user_jwt(kUser, key_of(NKeyKind::kAccount, kAccountSeed), 1'700'000'000, 1'800'000'000),
      kAgentJwt);
}

TEST(Jwt, TellsWhoseItIs) {
  const auto own = read_jwt(kAgentJwt);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->subject, kUser);
  EXPECT_EQ(own->issuer, kAccount);
  EXPECT_EQ(own->issued, 1'700'000'000);
  EXPECT_EQ(own->expires, 1'800'000'000);
  const auto foreign = read_jwt(kForeignJwt);
  ASSERT_TRUE(foreign);
  EXPECT_EQ(foreign->subject, "OBY45NY7QB3LFHI2KW2NFBA6YDYFPPQTJDOZSFWQOX2FYPF3TFK2I4W3");
  EXPECT_EQ(foreign->issued, 1747104123);
  EXPECT_EQ(foreign->expires, 0);
  for (const char* text : {"", ".", "..", "a.b.c", "eyJ0.e30.x", "eyJ0.W10.x", "no JWT at all"})
    EXPECT_FALSE(read_jwt(text)) << text;
}

TEST(AccountsFolder, IsPrivateAndMadeOnce) {
  const testing::TempFolder folder;
  const AccountsFolder files{folder.path() / "accounts"};
  std::filesystem::create_directory(files.folder);
  const NKey dispatcher = NKey::generate();
  ASSERT_TRUE(dispatcher.save(files.seed("dispatcher")));
  ASSERT_TRUE(make_accounts(files, 1'700'000'000));
  EXPECT_EQ(make_accounts(files, 1'700'000'000).error().code, Errc::kConflict);
  EXPECT_EQ(NKey::load(files.seed("dispatcher"))->public_key(), dispatcher.public_key());
  EXPECT_EQ(read_jwt(*read_file(files.jwt("dispatcher"), 1 << 16))->subject,
            dispatcher.public_key());
  const std::string conf = read_file(files.broker_conf(), 1 << 16).value();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(files.folder)) {
    if (entry.path() == files.broker_conf()) continue;
    EXPECT_EQ(mode_of(entry.path()) & 077, 0U) << entry.path();
    if (entry.path().extension() != ".seed") continue;
    EXPECT_FALSE(conf.contains(read_file(entry.path(), 1 << 16)->substr(0, 58))) << entry.path();
  }
}

TEST(AgentAuthority, SaysTheSameOfTheSameStanding) {
  const testing::TempFolder folder;
  const AccountsFolder files{folder.path() / "accounts"};
  ASSERT_TRUE(make_accounts(files, 1'700'000'000));
  const auto first = AgentAuthority::open(files);
  const auto again = AgentAuthority::open(files);
  ASSERT_TRUE(first && again);
  const AgentStanding standing{kUser, 1'700'000'000, false};
  EXPECT_EQ(first->account_jwt(standing), again->account_jwt(standing));
  EXPECT_NE(first->account_jwt(standing), first->account_jwt({kUser, 1'700'000'000, true}));
  const auto account = read_jwt(first->account_jwt(standing));
  ASSERT_TRUE(account);
  EXPECT_EQ(account->subject, first->account_of(kUser));
  EXPECT_EQ(read_jwt(first->user_jwt(kUser, 1, 2))->issuer, account->subject);
  EXPECT_NE(first->account_of(kUser), first->account_of(NKey::generate().public_key()));
}

/// What a broker's configuration says before its accounts, without comments.
std::vector<std::string> settings_of(const std::string& file, const std::string& end) {
  const auto text =
      read_file(std::filesystem::path(WS_SOURCE_DIR) / "broker-config" / file, 1 << 16).value();
  std::vector<std::string> out;
  std::istringstream lines(text.substr(0, text.find(end)));
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.empty() && !line.starts_with("max_control_line")) out.push_back(line);
  }
  return out;
}

TEST(BrokerConfig, SaysTheSameWithJwtsAsWithout) {
  const auto with_file = settings_of("nats-server.conf", "accounts {");
  EXPECT_GT(with_file.size(), 10U);
  EXPECT_EQ(settings_of("nats-server-jwt.conf", "include"), with_file);
}

}  // namespace
}  // namespace worldshare::nats
