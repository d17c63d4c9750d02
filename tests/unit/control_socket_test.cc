#include "agents/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "agents/work_gate.h"
#include "agents/work_history.h"
#include "tests/support/temp_folder.h"

namespace worldshare::agent {
namespace {

class ControlSocketTest : public ::testing::Test {
 protected:
  std::unique_ptr<ControlSocket> open() {
    auto opened =
        ControlSocket::open(path_, [](const std::string& line) { return "<" + line + ">"; });
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  worldshare::testing::TempFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "agent.socket";
};

TEST_F(ControlSocketTest, AnswersItsOwnUserOnly) {
  const auto socket = open();
  ASSERT_TRUE(socket);
  EXPECT_EQ(ask_agent(path_, "status"), "<status>");
  EXPECT_EQ(ask_agent(path_, "again"), "<again>");
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(ControlSocketTest, TwoAgentsDoNotShareAFolder) {
  const auto first = open();
  const auto second = ControlSocket::open(path_, [](const std::string&) { return "second"; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kConflict);
  EXPECT_EQ(ask_agent(path_, "x"), "<x>") << "the first one serves on";
}

TEST_F(ControlSocketTest, WhatADeadAgentLeftIsReplaced) {
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path_.c_str());
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_EQ(ask_agent(path_, "x").error().code, Errc::kUnavailable);
  const auto socket = open();
  EXPECT_EQ(ask_agent(path_, "x"), "<x>");
}

TEST_F(ControlSocketTest, GoesWithItsAgent) {
  open().reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  const auto gone = ask_agent(path_, "status");
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().message.contains("no agent is running here")) << gone.error().message;
}

TEST_F(ControlSocketTest, AClientThatSaysNothingDoesNotStopTheOthers) {
  const auto socket = open();
  const int silent = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path_.c_str());
  ASSERT_EQ(::connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(ask_agent(path_, "x"), "<x>");
  ::close(silent);
}

TEST_F(ControlSocketTest, APathThatIsTooLongIsNamed) {
  const auto opened =
      ControlSocket::open("/tmp/" + std::string(200, 'x'), [](const std::string&) { return ""; });
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.contains("agent.state_folder")) << opened.error().message;
}

TEST(WorkGate, IsOpenWhenNobodyKeepsItClosed) {
  WorkGate gate;
  EXPECT_EQ(gate.reason(), "");
  EXPECT_TRUE(gate.close("owner", "paused"));
  EXPECT_FALSE(gate.close("owner", "paused")) << "nothing new";
  EXPECT_TRUE(gate.close("machine", "on battery"));
  EXPECT_TRUE(gate.open("owner"));
  EXPECT_EQ(gate.reason(), "on battery");
  EXPECT_TRUE(gate.open("machine"));
  EXPECT_EQ(gate.reason(), "");
}

TEST(WorkHistory, KeepsTheNewestAndCountsAll) {
  WorkHistory history;
  for (int i = 0; i < 50; ++i) {
    history.add({i, i % 2 == 0 ? WorkHistory::Outcome::rendered : WorkHistory::Outcome::failed, "",
                 1.0, 1});
  }
  EXPECT_EQ(history.entries().size(), WorkHistory::kRemembered);
  EXPECT_EQ(history.entries().front().frame, 49);
  EXPECT_EQ(history.totals().rendered, 25U);
  EXPECT_EQ(history.totals().failed, 25U);
}

}  // namespace
}  // namespace worldshare::agent
