#include <gtest/gtest.h>

#include <filesystem>

#include "shared/files.h"
#include "shared/process.h"
#include "tests/support/nats_server.h"

namespace worldshare {
namespace {

namespace fs = std::filesystem;
using std::chrono_literals::operator""s;

const fs::path kFolder = fs::path(WS_SOURCE_DIR) / "tests/broker";

/// The exit code, and what was printed.
std::pair<int, std::string> run(ProcessOptions options) {
  const testing::TempFolder folder;
  options.working_directory = kFolder;
  options.output_file = folder.path() / "output";
  auto process = Process::spawn(options);
  if (!process) return {-1, process.error().message};
  const auto status = process->wait(100s);
  return {status.value_or(-1), read_file(options.output_file, 1U << 20U).value_or("")};
}

std::string first_line(const fs::path& file) {
  const std::string text = read_file(file, 1U << 16U).value_or("");
  return text.substr(0, text.find('\n'));
}

class Broker : public ::testing::TestWithParam<testing::NatsServer::Accounts> {};

TEST_P(Broker, AnAgentReachesNothingButItsOwn) {
  if (!fs::exists(kFolder / "node_modules")) {
    ProcessOptions install;
    install.argv = {"npm", "ci", "--no-audit", "--no-fund"};
    const auto [status, output] = run(install);
    ASSERT_EQ(status, 0) << output;
  }
  auto server = testing::NatsServer::start(GetParam());
  server->provision();
  const NKey agent = server->add_agent();
  const NKey victim = server->add_agent();
  ProcessOptions options;
  options.argv = {"node", "attacks.mjs"};
  options.environment = {{"NATS_URL", server->url()}};
  for (const auto& [who, key] : {std::pair{"AGENT", agent},
                                 {"VICTIM", victim},
                                 {"DISPATCHER", server->dispatcher()},
                                 {"OPERATOR", server->operator_key()}}) {
    options.environment[std::string(who) + "_SEED"] = key.seed();
    if (GetParam() == testing::NatsServer::Accounts::kJwts) {
      options.environment[std::string(who) + "_JWT"] =
          first_line(server->jwt_file(key.public_key()));
    }
  }
  const auto [status, output] = run(options);
  EXPECT_EQ(status, 0) << output;
  EXPECT_TRUE(output.contains("all checks passed"));
}

INSTANTIATE_TEST_SUITE_P(Accounts,
                         Broker,
                         ::testing::Values(testing::NatsServer::Accounts::kFile,
                                           testing::NatsServer::Accounts::kJwts),
                         [](const auto& accounts) {
                           return accounts.param == testing::NatsServer::Accounts::kJwts ? "Jwts"
                                                                                         : "File";
                         });

}  // namespace
}  // namespace worldshare
