#include "agents/blender/blender_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agents/blender/driver_text.h"
#include "shared/files.h"

namespace worldshare::agent {
namespace {

constexpr int kPythonFailed = 57;

Result<std::filesystem::path> write_driver(const std::filesystem::path& scratch) {
  const std::filesystem::path folder = scratch / "scripts";
  std::error_code error;
  for (const char* name : {"scripts", "home", "tmp"}) {
    std::filesystem::create_directories(scratch / name, error);
    if (error) return fail(Errc::kUnavailable, "cannot create " + (scratch / name).string());
  }
  for (const auto& [name, text] :
       {std::pair{"scene_report.py", kSceneReportText},
        std::pair{"frame_parts.py", kFramePartsText}, std::pair{"driver.py", kDriverText}}) {
    if (auto ok = write_file_atomically(folder / name, text); !ok) {
      return std::unexpected(ok.error());
    }
  }
  return folder / "driver.py";
}

std::map<std::string, std::string> environment(const std::filesystem::path& scratch) {
  const std::string home = scratch / "home";
  const std::string temporary = scratch / "tmp";
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
          {"LANG", "C.UTF-8"},
          {"HOME", home},
          {"XDG_CACHE_HOME", home},
          {"TMPDIR", temporary},
          {"BLENDER_USER_CONFIG", home + "/config"},
          {"BLENDER_USER_SCRIPTS", home + "/scripts"},
          {"BLENDER_USER_DATAFILES", home + "/datafiles"}};
}

/// Arguments act from left to right, so each option stands before what it is meant for.
std::vector<std::string> arguments(const BlenderOptions& options,
                                   const std::string& mode,
                                   const std::filesystem::path& scene,
                                   const std::filesystem::path& driver) {
  std::vector<std::string> out{options.blender, "-b", "--factory-startup", "-noaudio", "-Y"};
  if (options.threads > 0) {
    out.insert(out.end(), {"-t", std::to_string(options.threads)});
  }
  if (!scene.empty()) out.push_back(std::filesystem::absolute(scene));
  out.insert(out.end(), {"--python-exit-code", std::to_string(kPythonFailed)});
  out.insert(out.end(), {"-P", driver, "--", mode, "3"});
  return out;
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// Takes what is there; false at the end of the stream.
bool drain(int fd, OutputLog& into) {
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      into.append({buffer.data(), static_cast<std::size_t>(got)});
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

}  // namespace

Result<BlenderProcess> BlenderProcess::start(const BlenderOptions& options,
                                             const std::string& mode,
                                             const std::filesystem::path& scene) {
  // A Blender that is gone must show as an error of write(), not end the agent.
  std::signal(SIGPIPE, SIG_IGN);
  auto driver = write_driver(options.scratch);
  if (!driver) return std::unexpected(driver.error());
  ProcessOptions process;
  process.argv = arguments(options, mode, scene, *driver);
  process.environment = environment(options.scratch);
  process.clear_environment = true;
  process.working_directory = options.scratch;
  process.pipe_input = process.pipe_output = process.pipe_report = true;
  process.nice = options.nice;
  auto spawned = Process::spawn(process);
  if (!spawned) return std::unexpected(spawned.error());
  set_nonblocking(spawned->output_fd());
  set_nonblocking(spawned->report_fd());
  return BlenderProcess(std::move(*spawned), scene);
}

void BlenderProcess::pump(std::chrono::milliseconds time) {
  std::array<pollfd, 2> waiting{{{output_open_ ? process_.output_fd() : -1, POLLIN, 0},
                                 {report_open_ ? process_.report_fd() : -1, POLLIN, 0}}};
  ::poll(waiting.data(), waiting.size(), static_cast<int>(time.count()));
  if (report_open_) report_open_ = drain(process_.report_fd(), report_);
  if (output_open_) output_open_ = drain(process_.output_fd(), output_);
}

Result<> BlenderProcess::send(const std::string& line) {
  const std::string text = line + "\n";
  const ssize_t sent = ::write(process_.stdin_fd(), text.data(), text.size());
  if (sent != static_cast<ssize_t>(text.size())) {
    return fail(Errc::kUnavailable, "Blender does not read any more");
  }
  return {};
}

Result<std::string> run_driver_once(const BlenderOptions& options,
                                    const std::string& mode,
                                    const std::filesystem::path& scene,
                                    std::chrono::milliseconds time_limit) {
  auto process = BlenderProcess::start(options, mode, scene);
  if (!process) return std::unexpected(process.error());
  const auto deadline = std::chrono::steady_clock::now() + time_limit;
  std::optional<LogFault> fault;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto status = process->wait_status();
    process->pump(std::chrono::milliseconds(status ? 0 : 100));
    if (auto line = process->next_report()) return *line;
    while (auto line = process->next_output()) {
      if (!fault) fault = find_fault(*line);
    }
    if (!status) continue;
    if (fault) return fail(Errc::kCorrupt, fault->error);
    return fail(Errc::kUnavailable, "Blender ended with " + describe_wait_status(*status) + ":\n" +
                                        process->log_tail());
  }
  return fail(Errc::kTimeout, "Blender did not answer in time");
}

}  // namespace worldshare::agent
