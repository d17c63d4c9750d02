#include "tests/blender/scene_folder.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "shared/process.h"

namespace worldshare::testing {

int run_program(const std::vector<std::string>& argv, const std::filesystem::path& log) {
  ProcessOptions options;
  options.argv = argv;
  options.output_file = log;
  auto process = Process::spawn(options);
  if (!process) return -1;
  const auto status = process->wait(std::chrono::minutes(3));
  return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

const std::filesystem::path& scene_folder() {
  static const TempFolder folder;
  static const bool made = [] {
    const auto log = folder.path() / "make_scenes.log";
    const int code =
        run_program({"blender", "-b", "--factory-startup", "-noaudio", "--python-exit-code", "9",
                     "-P", WS_SOURCE_DIR "/tests/blender/make_scenes.py", "--", folder.path()},
                    log);
    if (code != 0) {
      std::fprintf(stderr, "make_scenes.py failed:\n%s\n", read_all(log).c_str());
      std::abort();
    }
    return true;
  }();
  static_cast<void>(made);
  return folder.path();
}

void render_animation(const std::filesystem::path& scene, const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  const int code = run_program(
      {"blender", "-b", scene, "-noaudio", "-t", "1", "-o", (out / "####").string(), "-a"},
      out / "log");
  if (code != 0) {
    std::fprintf(stderr, "blender -a failed:\n%s\n", read_all(out / "log").c_str());
    std::abort();
  }
}

agent::RenderRequest request(std::int32_t frame) {
  agent::RenderRequest out;
  out.frame = frame;
  out.width = 64;
  out.height = 36;
  out.deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  return out;
}

agent::BlenderOptions blender_options(const TempFolder& folder) {
  agent::BlenderOptions out;
  out.scratch = folder.path() / "scratch";
  out.threads = 1;
  // As agents do; a machine that cannot has its own test fail.
  agent::SandboxOptions sandbox;
  if (const char* root = std::getenv("WORLDSHARE_TEST_ROOT")) sandbox.root = root;
  out.sandbox = *agent::Sandbox::open(sandbox);
  return out;
}

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_all(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace worldshare::testing
