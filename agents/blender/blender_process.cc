#include "agents/blender/blender_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "agents/blender/driver_text.h"
#include "agents/sandbox/foreign_tree.h"
#include "agents/sandbox/syscall_filter.h"
#include "shared/files.h"

namespace worldshare::agent {
namespace {

constexpr int kPythonFailed = 57;

namespace fs = std::filesystem;

Result<> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::kUnavailable, "cannot create " + folder.string());
  return {};
}

Result<> write_scripts(const Sandbox& sandbox, const fs::path& folder) {
  for (const auto& [name, text] :
       {std::pair{"scene_report.py", kSceneReportText}, std::pair{"audit.py", kAuditText},
        std::pair{"frame_parts.py", kFramePartsText}, std::pair{"devices.py", kDevicesText},
        std::pair{"self_test.py", kSelfTestText}, std::pair{"driver.py", kDriverText}}) {
    if (auto ok = write_file_atomically(folder / name, text); !ok) return ok;
    if (auto ok = sandbox.show(folder / name); !ok) return ok;
  }
  return sandbox.show(folder);
}

constexpr const char* kWork = "work";
constexpr const char* kUnit = "unit";

/// What one scene could have left there is nothing to the next: start-up scripts, a GPU's programs.
Result<fs::path> make_work_folder(const Sandbox& sandbox, const fs::path& scratch) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(scratch, error)) {
    // Those that could not be removed once.
    if (entry.path().filename().string().starts_with(std::string(kWork) + "-"))
      std::ignore = remove_tree(entry.path());
  }
  auto work = make_empty_folder(scratch, kWork);
  if (!work) return work;
  for (const auto& folder : {*work, *work / "home", *work / "tmp"}) {
    if (auto ok = make_folder(folder); !ok) return std::unexpected(ok.error());
    if (auto ok = sandbox.give(folder); !ok) return std::unexpected(ok.error());
  }
  return work;
}

/// Links are resolved, so that whoever owns the work folder cannot lead anybody out of it.
Result<Room> make_room(const BlenderOptions& options, const fs::path& scene) {
  auto program = options.sandbox.find(options.blender);
  if (!program) return std::unexpected(program.error());
  if (auto ok = make_folder(options.scratch); !ok) return std::unexpected(ok.error());
  // The Blender can read what lies beside it.
  const char* home = std::getenv("HOME");
  if (options.sandbox.confines() && home != nullptr && program->parent_path() == fs::path(home)) {
    return fail(Errc::kInvalid,
                "blender.path: " + program->string() +
                    " lies in your home folder itself; put it into a folder of its own");
  }
  std::error_code error;
  const fs::path scratch = fs::canonical(options.scratch, error);
  auto work = make_work_folder(options.sandbox, scratch);
  if (!work) return std::unexpected(work.error());
  Room room{*work, scratch / "scripts", scene, *program, options.access};
  if (auto ok = make_folder(room.scripts); !ok) return std::unexpected(ok.error());
  if (auto ok = write_scripts(options.sandbox, room.scripts); !ok)
    return std::unexpected(ok.error());
  // A scene that is not there is for Blender to complain of.
  if (fs::exists(scene, error)) {
    if (auto ok = options.sandbox.show(scene); !ok) return std::unexpected(ok.error());
  }
  return room;
}

std::map<std::string, std::string> environment(const fs::path& work) {
  const std::string home = work / "home";
  const std::string temporary = work / "tmp";
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
          {"LANG", "C.UTF-8"},
          {"HOME", home},
          {"XDG_CACHE_HOME", home},
          {"TMPDIR", temporary},
          {"OPTIX_CACHE_PATH", home},
          {"BLENDER_USER_CONFIG", home + "/config"},
          {"BLENDER_USER_SCRIPTS", home + "/scripts"},
          {"BLENDER_USER_DATAFILES", home + "/datafiles"}};
}

/// Arguments act from left to right, so each option stands before what it is meant for.
std::vector<std::string> arguments(const BlenderOptions& options,
                                   const std::string& mode,
                                   const Room& room) {
  std::vector<std::string> out{room.program, "-b", "--factory-startup", "-noaudio", "-Y"};
  if (options.threads > 0) {
    out.insert(out.end(), {"-t", std::to_string(options.threads)});
  }
  if (!room.scene.empty()) out.push_back(options.sandbox.scene_inside(room));
  out.insert(out.end(), {"--python-exit-code", std::to_string(kPythonFailed)});
  const fs::path driver = options.sandbox.scripts_inside(room) / "driver.py";
  out.insert(out.end(), {"-P", driver, "--", mode, "3"});
  out.insert(out.end(), {options.device.type, options.device.cycles_id});
  return out;
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// Takes what is there, so much of it at most that whoever writes without end holds up nothing
/// else; false at the end of the stream.
bool drain(int fd, OutputLog& into) {
  constexpr std::size_t kMostAtOnce = 1 << 20;
  std::array<char, 64 * 1024> buffer;
  for (std::size_t taken = 0; taken < kMostAtOnce;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      into.append({buffer.data(), static_cast<std::size_t>(got)});
      taken += static_cast<std::size_t>(got);
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  return true;
}

}  // namespace

Result<BlenderProcess> BlenderProcess::start(const BlenderOptions& options,
                                             const std::string& mode,
                                             const fs::path& scene) {
  // A Blender that is gone must show as an error of write(), not end the agent.
  std::signal(SIGPIPE, SIG_IGN);
  const Sandbox& sandbox = options.sandbox;
  auto room = make_room(options, scene);
  if (!room) return std::unexpected(room.error());
  ProcessOptions process;
  process.argv = sandbox.command(*room, arguments(options, mode, *room));
  process.environment = environment(sandbox.work_inside(*room));
  process.clear_environment = true;
  process.working_directory = room->work;
  process.pipe_input = process.pipe_output = process.pipe_report = true;
  process.nice = options.nice;
  Descriptor filter;
  if (sandbox.confines()) {
    auto made = make_syscall_filter(room->device.local_sockets);
    if (!made) return std::unexpected(made.error());
    filter = std::move(*made);
    process.extra_fd = filter.get();
  }
  auto spawned = Process::spawn(process);
  if (!spawned) return std::unexpected(spawned.error());
  set_nonblocking(spawned->stdin_fd());
  set_nonblocking(spawned->output_fd());
  set_nonblocking(spawned->report_fd());
  return BlenderProcess(std::move(*spawned), scene, sandbox, std::move(*room));
}

Result<> BlenderProcess::empty_unit_folder() {
  auto folder = make_empty_folder(room_.work, kUnit);
  if (!folder) return std::unexpected(folder.error());
  unit_ = folder->filename();
  return sandbox_.give(unit_folder());
}

Result<> BlenderProcess::give_file(const fs::path& file, const std::string& name) {
  if (file.empty()) return {};
  std::error_code error;
  fs::copy_file(file, unit_folder() / name, error);
  if (error) return fail(Errc::kUnavailable, "cannot copy " + file.string());
  return sandbox_.give(unit_folder() / name);
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
  if (sent == static_cast<ssize_t>(text.size())) return {};
  if (sent >= 0 || errno == EAGAIN) return fail(Errc::kTimeout, "Blender does not read any more");
  return fail(Errc::kUnavailable, "Blender is gone");
}

Result<std::string> run_driver_once(const BlenderOptions& options,
                                    const std::string& mode,
                                    const fs::path& scene,
                                    std::chrono::milliseconds time_limit) {
  auto process = BlenderProcess::start(options, mode, scene);
  if (!process) return std::unexpected(process.error());
  const auto deadline = std::chrono::steady_clock::now() + time_limit;
  std::optional<LogFault> fault;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto status = process->wait_status();
    process->pump(std::chrono::milliseconds(status ? 0 : 100));
    if (process->report_overflowed())
      return fail(scene.empty() ? Errc::kUnavailable : Errc::kCorrupt, kTooLongReport);
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
