#include "tests/e2e/render_run.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "shared/crypto.h"
#include "shared/image/canonical.h"

namespace worldshare::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void run_blender(std::vector<std::string> arguments) {
  ProcessOptions options;
  options.argv = {"blender", "-b"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.output_file = "/dev/null";
  auto blender = Process::spawn(options);
  ASSERT_TRUE(blender) << blender.error().message;
  const auto status = blender->wait(180s);
  ASSERT_TRUE(status && *status == 0) << "blender failed";
}

/// The number before "/M replicas" in the last progress line.
int replicas_in(const std::string& output) {
  const auto end = output.rfind(" replicas");
  if (end == std::string::npos) return 0;
  const auto slash = output.rfind('/', end);
  if (slash == std::string::npos) return 0;
  const auto begin = output.find_last_not_of("0123456789", slash - 1) + 1;
  int value = 0;
  std::from_chars(output.data() + begin, output.data() + slash, value);
  return value;
}

}  // namespace

RenderRun::RenderRun(const fs::path& scene, std::vector<std::string> arguments)
    : scene_(scene), arguments_(std::move(arguments)) {}

void RenderRun::start() {
  ProcessOptions options;
  options.argv = {WS_BINARY_DIR "/worldshare",
                  "render",
                  scene_.string(),
                  "-o",
                  frames().string(),
                  "--state",
                  (folder_.path() / "state").string()};
  options.argv.insert(options.argv.end(), arguments_.begin(), arguments_.end());
  // Another release's Blender: tests/compat.
  if (const char* root = std::getenv("WORLDSHARE_TEST_ROOT"))
    options.argv.insert(options.argv.end(), {"--agent-root", root});
  options.output_file = folder_.path() / "output.txt";
  auto process = Process::spawn(options);
  ASSERT_TRUE(process) << process.error().message;
  process_ = std::make_unique<Process>(std::move(*process));
}

int RenderRun::wait(std::chrono::seconds limit) {
  const auto status = process_->wait(limit);
  if (!status) return -1;
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
}

bool RenderRun::wait_for_replicas(int count, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (replicas_in(output()) >= count) return true;
    if (process_->poll()) return false;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

bool RenderRun::kill_one(const std::string& part) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < deadline) {
    for (const auto& process : processes()) {
      if (process.command.find(part) != std::string::npos) return ::kill(process.pid, SIGKILL) == 0;
    }
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

RenderRun::Freeze::Freeze(const RenderRun& run, const std::string& part) {
  for (const auto& process : run.processes()) {
    if (process.command.find(part) == std::string::npos) continue;
    if (::kill(process.pid, SIGSTOP) == 0) frozen_.push_back(process.pid);
  }
}

RenderRun::Freeze::~Freeze() {
  for (const pid_t pid : frozen_) ::kill(pid, SIGCONT);
}

void RenderRun::signal(int number) { ::kill(process_->pid(), number); }

std::string RenderRun::output() const { return text_of(folder_.path() / "output.txt"); }

std::vector<fs::path> RenderRun::frame_files() const {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(frames(), error)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::vector<StackProcess> RenderRun::processes() const {
  const std::string state = (folder_.path() / "state").string();
  std::vector<StackProcess> out;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    pid_t pid = 0;
    const std::string name = entry.path().filename().string();
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || *end != '\0' || (process_ && pid == process_->pid())) continue;
    std::string command = text_of(entry.path() / "cmdline");
    std::ranges::replace(command, '\0', ' ');
    std::error_code ignored;
    const std::string folder = fs::read_symlink(entry.path() / "cwd", ignored).string();
    if (command.find(state) != std::string::npos || folder.starts_with(state))
      out.push_back({pid, command});
  }
  return out;
}

std::string RenderRun::logs() const {
  std::string out = "output:\n" + output();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_.path() / "state/logs", error)) {
    const std::string text = text_of(entry.path());
    out += "\n== " + entry.path().filename().string() + "\n" +
           text.substr(text.size() > 6000 ? text.size() - 6000 : 0);
  }
  return out;
}

fs::path test_scene(const std::string& engine) {
  static const TempFolder folder;
  static std::map<std::string, fs::path> made;
  auto& path = made[engine];
  if (path.empty()) {
    path = folder.path() / ("monkey_" + engine + ".blend");
    run_blender({"--factory-startup", "-noaudio", "--python-exit-code", "1", "-P",
                 WS_SOURCE_DIR "/tests/e2e/make_scene.py", "--", path.string(), engine});
  }
  return path;
}

std::vector<std::string> local_render(const fs::path& scene, int first, int last) {
  const TempFolder folder;
  run_blender({"-noaudio", scene.string(), "-o", (folder.path() / "frame_####").string(), "-s",
               std::to_string(first), "-e", std::to_string(last), "-a"});
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path())) files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<std::string> out;
  for (const auto& file : files) {
    const auto canonical = image::canonical(as_bytes(text_of(file)));
    EXPECT_TRUE(canonical) << file;
    if (canonical) out.push_back(to_hex(sha256(*canonical)));
  }
  return out;
}

}  // namespace worldshare::testing
