#include "shared/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "shared/files.h"

namespace worldshare {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    pollfd watched{fd, POLLIN, 0};
    if (::poll(&watched, 1, 10'000) <= 0) return text + "<timeout>";
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

/// Ended, seen from outside: a zombie that its new parent has not collected yet counts.
bool ended(pid_t pid) {
  for (int i = 0; i < 1000; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number, name, state;
    if (!(stat >> number >> name >> state) || state == "Z" || state == "X") return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"sh", "-c", script};
  options.pipe_output = true;
  return options;
}

TEST(Process, OutputAndExitCode) {
  auto process = Process::spawn(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(process.has_value()) << process.error().message;
  EXPECT_EQ(read_all(process->output_fd()), "out\nerr\n");
  auto status = process->wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_wait_status(*status), "exit code 3");
  EXPECT_EQ(process->poll(), status);
}

TEST(Process, InputReachesTheChildUntilItIsClosed) {
  auto options = shell("cat");
  options.pipe_input = true;
  auto process = Process::spawn(options);
  ASSERT_TRUE(process.has_value());
  ASSERT_EQ(::write(process->stdin_fd(), "hello", 5), 5);
  EXPECT_EQ(process->poll(), std::nullopt);
  process->close_stdin();
  EXPECT_EQ(read_all(process->output_fd()), "hello");
}

TEST(Process, SignalIsReported) {
  auto process = Process::spawn(shell("kill -TERM $$"));
  ASSERT_TRUE(process.has_value());
  auto status = process->wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_wait_status(*status), "signal 15 (Terminated)");
}

TEST(Process, SignalsOfTheParentAreNotInherited) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto process = Process::spawn(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
  signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(read_all(process->output_fd()),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, GroupKillReachesGrandchild) {
  auto process = Process::spawn(shell("sleep 1000 & echo $!; wait"));
  ASSERT_TRUE(process.has_value());
  char buffer[32]{};
  ASSERT_GT(::read(process->output_fd(), buffer, sizeof buffer - 1), 0);
  const pid_t grandchild = std::stoi(buffer);
  EXPECT_EQ(::kill(grandchild, 0), 0);
  process->stop(SIGTERM, 5s);
  ASSERT_TRUE(process->poll());
  EXPECT_EQ(WTERMSIG(*process->poll()), SIGTERM);
  EXPECT_TRUE(ended(grandchild));
}

TEST(Process, StopKillsWhatIgnoresTheSignal) {
  auto process = Process::spawn(shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(process.has_value());
  char buffer[32]{};
  ASSERT_GT(::read(process->output_fd(), buffer, sizeof buffer), 0);
  process->stop(SIGTERM, 50ms);
  ASSERT_TRUE(process->poll());
  EXPECT_EQ(WTERMSIG(*process->poll()), SIGKILL);
}

TEST(Process, DestructorKills) {
  pid_t pid = 0;
  {
    auto process = Process::spawn(shell("sleep 1000"));
    ASSERT_TRUE(process.has_value());
    pid = process->pid();
  }
  EXPECT_TRUE(ended(pid));
}

TEST(Process, EndsWithTheThreadThatSpawnedIt) {
  std::optional<Process> process;
  std::jthread([&] {
    auto spawned = Process::spawn(shell("sleep 1000"));
    if (spawned) process = std::move(*spawned);
  }).join();
  ASSERT_TRUE(process);
  auto status = process->wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(WTERMSIG(*status), SIGKILL);
}

TEST(Process, MissingProgram) {
  ProcessOptions options;
  options.argv = {"/no/such/program"};
  auto process = Process::spawn(options);
  ASSERT_FALSE(process.has_value());
  EXPECT_EQ(process.error().code, Errc::kNotFound);
  EXPECT_NE(process.error().message.find("/no/such/program"), std::string::npos);
}

TEST(Process, MissingDirectory) {
  auto options = shell("true");
  options.working_directory = "/no/such/folder";
  auto process = Process::spawn(options);
  ASSERT_FALSE(process.has_value());
  EXPECT_EQ(process.error().code, Errc::kInvalid);
}

TEST(Process, ReportPipe) {
  auto options = shell("echo noise; echo report >&3");
  options.pipe_report = true;
  auto process = Process::spawn(options);
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(read_all(process->report_fd()), "report\n");
  EXPECT_EQ(read_all(process->output_fd()), "noise\n");
}

TEST(Process, NoOtherDescriptorIsInherited) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // as a library without close-on-exec does
  auto options = shell("ls /proc/$$/fd");
  options.pipe_report = true;
  auto process = Process::spawn(options);
  ::close(leaky);
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(read_all(process->output_fd()), "0\n1\n2\n3\n");
}

TEST(Process, EnvironmentDirectoryAndOutputFile) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("process_test." + std::to_string(::getpid()));
  ProcessOptions options;
  options.argv = {"sh", "-c", "echo $GREETING $HOME; pwd"};
  options.environment = {{"GREETING", "hello"}};
  options.clear_environment = true;
  options.working_directory = "/";
  options.output_file = file;
  auto process = Process::spawn(options);
  ASSERT_TRUE(process.has_value());
  ASSERT_TRUE(process->wait(10s));
  EXPECT_EQ(read_file(file, 1000).value_or(""), "hello\n/\n");
  std::filesystem::remove(file);
}

TEST(Process, RunsAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto options = shell("id -u; id -g");
  options.uid = 65534;
  auto process = Process::spawn(options);
  ASSERT_TRUE(process.has_value()) << process.error().message;
  EXPECT_EQ(read_all(process->output_fd()), "65534\n65534\n");
}

}  // namespace
}  // namespace worldshare
