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

TEST(Broker, AnAgentReachesNothingButItsOwn) {
  if (!fs::exists(kFolder / "node_modules")) {
    ProcessOptions install;
    install.argv = {"npm", "ci", "--no-audit", "--no-fund"};
    const auto [status, output] = run(install);
    ASSERT_EQ(status, 0) << output;
  }
  auto server = testing::NatsServer::start();
  server->provision();
  const NKey agent = server->add_agent();
  const NKey victim = server->add_agent();
  ProcessOptions options;
  options.argv = {"node", "attacks.mjs"};
  options.environment = {{"NATS_URL", server->url()},
                         {"AGENT_SEED", agent.seed()},
                         {"VICTIM_SEED", victim.seed()},
                         {"DISPATCHER_SEED", server->dispatcher().seed()},
                         {"OPERATOR_SEED", server->operator_key().seed()}};
  const auto [status, output] = run(options);
  EXPECT_EQ(status, 0) << output;
  EXPECT_TRUE(output.contains("all checks passed"));
}

}  // namespace
}  // namespace worldshare
