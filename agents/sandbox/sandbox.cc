#include "agents/sandbox/sandbox.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "agents/sandbox/syscall_filter.h"
#include "shared/find_program.h"
#include "shared/process.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

using Arguments = std::vector<std::string>;

constexpr uid_t kNobody = 65534;
constexpr const char* kScene = "/scene/scene.blend";
constexpr const char* kFilterDescriptor = "4";
constexpr std::uint64_t kTemporaryBytes = 64ULL << 20;
constexpr std::chrono::seconds kAttemptTime{20};

void add(Arguments& to, std::initializer_list<std::string> more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// A folder that everybody can enter; what bubblewrap makes by itself only its maker can.
void add_folder(Arguments& to, const fs::path& folder) {
  if (folder == folder.root_path()) return;
  add_folder(to, folder.parent_path());
  add(to, {"--perms", "0755", "--dir", folder});
}

/// The system as a program needs it, and nothing of any user.
Arguments system_files(const fs::path& root) {
  Arguments out{"--ro-bind", root / "usr", "/usr"};
  add_folder(out, "/etc");
  for (const char* name : {"bin", "lib", "lib64"}) {
    add(out, {"--symlink", std::string("usr/") + name, std::string("/") + name});
  }
  for (const char* path : {"etc/ld.so.cache", "etc/alternatives", "etc/fonts"}) {
    add(out, {"--ro-bind-try", root / path, fs::path("/") / path});
  }
  add(out, {"--proc", "/proc", "--dev", "/dev", "--size", std::to_string(kTemporaryBytes),
            "--tmpfs", "/tmp", "--dir", "/run"});
  return out;
}

Arguments room_files(const Room& room, const fs::path& root) {
  Arguments out{"--bind", room.work, Sandbox::kWork, "--ro-bind", room.scripts, Sandbox::kScripts};
  if (!room.scene.empty()) {
    add_folder(out, fs::path(kScene).parent_path());
    add(out, {"--ro-bind", fs::absolute(room.scene), kScene});
  }
  const fs::path folder = room.program.parent_path();
  if (!folder.empty() && !folder.string().starts_with("/usr/")) {
    add_folder(out, folder);
    add(out, {"--ro-bind", root / folder.relative_path(), folder});
  }
  return out;
}

Arguments device_files(const DeviceAccess& device) {
  Arguments out;
  for (const auto& file : device.files) {
    add_folder(out, file.parent_path());
    add(out, {"--dev-bind", file, file});
  }
  for (const auto& page : device.pages) {
    add_folder(out, page.parent_path());
    add(out, {"--ro-bind", page, page});
  }
  return out;
}

/// Of the device files that not everybody may open: "105,44".
std::string groups_of(const DeviceAccess& device) {
  std::string out;
  for (const auto& file : device.files) {
    struct stat status{};
    constexpr mode_t kEverybody = S_IROTH | S_IWOTH;
    if (::stat(file.c_str(), &status) != 0 || (status.st_mode & kEverybody) == kEverybody) continue;
    out += (out.empty() ? "" : ",") + std::to_string(status.st_gid);
  }
  return out;
}

std::string remedy(const std::string& what) {
  return "Blender cannot be confined here: " + what +
         " Remedy: install bubblewrap (apt-get install bubblewrap) and allow user namespaces for "
         "it "
         "(Ubuntu 24.04 and Debian 13: an AppArmor profile for /usr/bin/bwrap with 'userns,'; "
         "containers: do not block unshare). To render without a sandbox, and only scenes that you "
         "trust, set sandbox.mode: off";
}

}  // namespace

Result<> check_mode(const std::string& mode) {
  if (mode == "required" || mode == "auto" || mode == "off") return {};
  return fail(Errc::kInvalid, "sandbox.mode: must be required, auto or off, not " + mode);
}

Result<Sandbox> Sandbox::open(const SandboxOptions& options) {
  if (auto ok = check_mode(options.mode); !ok) return std::unexpected(ok.error());
  if (options.mode == "off") return none();
  Sandbox sandbox;
  sandbox.bwrap_ = options.bwrap;
  sandbox.options_ = options;
  sandbox.root_ = ::geteuid() == 0;
  const auto works = sandbox.attempt();
  if (works) return sandbox;
  if (options.mode == "required") return fail(Errc::kUnavailable, remedy(works.error().message));
  spdlog::warn("rendering without a sandbox reason=\"{}\"", works.error().message);
  return none();
}

Result<> Sandbox::attempt() const {
  auto filter = make_syscall_filter();
  if (!filter) return std::unexpected(filter.error());
  ProcessOptions process;
  process.argv = command(
      {.work = "/tmp", .scripts = "/usr", .scene = {}, .program = "/usr/bin/true", .device = {}},
      {"/usr/bin/true"});
  process.extra_fd = filter->get();
  process.pipe_output = true;
  process.clear_environment = true;  // as Blender is started: ours may hold what breaks there
  auto spawned = Process::spawn(process);
  if (!spawned) return std::unexpected(spawned.error());
  const auto status = spawned->wait(kAttemptTime);
  if (status && *status == 0) return {};
  std::string said(500, '\0');
  const ssize_t got = ::read(spawned->output_fd(), said.data(), status ? said.size() : 0);
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  std::ranges::replace(said, '\n', ' ');
  return fail(Errc::kUnavailable, said.empty() ? "bwrap does not answer." : said);
}

Sandbox Sandbox::with_memory(std::uint64_t bytes) const {
  Sandbox out = *this;
  out.options_.memory_bytes = bytes;
  return out;
}

fs::path Sandbox::outside(const fs::path& inside) const {
  return confines() ? options_.root / inside.relative_path() : inside;
}

Result<fs::path> Sandbox::find(const fs::path& program) const {
  if (!confines() || options_.root == "/") return find_program(program);
  // Links of another root may lead into this one, so what is named is taken as it is.
  const fs::path inside = program.is_absolute() ? program : fs::path("/usr/bin") / program;
  std::error_code error;
  if (fs::is_regular_file(outside(inside), error)) return inside;
  return fail(Errc::kNotFound, "no such program: " + inside.string() + " in the system at " +
                                   options_.root.string());
}

fs::path Sandbox::work_inside(const Room& room) const {
  return confines() ? fs::path(kWork) : room.work;
}

fs::path Sandbox::scripts_inside(const Room& room) const {
  return confines() ? fs::path(kScripts) : room.scripts;
}

fs::path Sandbox::scene_inside(const Room& room) const {
  if (room.scene.empty()) return {};
  return confines() ? fs::path(kScene) : fs::absolute(room.scene);
}

/// Root needs no user namespace, and leaves root by setpriv; anybody else is alone in one.
Arguments Sandbox::namespaces() const {
  Arguments out{"--unshare-ipc", "--unshare-pid",        "--unshare-net",
                "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
                "--new-session", "--hostname",           "node"};
  if (root_) {
    add(out, {"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"});
  } else {
    add(out, {"--unshare-user", "--disable-userns", "--cap-drop", "ALL"});
  }
  return out;
}

Arguments Sandbox::limits(const DeviceAccess& device) const {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const unsigned processes = options_.processes > 0 ? options_.processes : 256 + 16 * cores;
  Arguments out{"/usr/bin/prlimit", "--core=0", "--nofile=1024",
                "--nproc=" + std::to_string(processes)};
  const char* memory = device.files.empty() ? "--as=" : "--data=";
  if (options_.memory_bytes > 0) out.push_back(memory + std::to_string(options_.memory_bytes));
  if (options_.file_bytes > 0) out.push_back("--fsize=" + std::to_string(options_.file_bytes));
  if (root_) {
    const std::string nobody = std::to_string(kNobody);
    const std::string groups = groups_of(device);
    add(out, {"/usr/bin/setpriv", "--reuid=" + nobody, "--regid=" + nobody,
              groups.empty() ? "--clear-groups" : "--groups=" + groups, "--no-new-privs"});
  }
  return out;
}

Arguments Sandbox::command(const Room& room, const Arguments& argv) const {
  if (!confines()) return argv;
  Arguments out{bwrap_};
  const auto append = [&](const Arguments& more) {
    out.insert(out.end(), more.begin(), more.end());
  };
  append(namespaces());
  append(system_files(options_.root));
  append(room_files(room, options_.root));
  append(device_files(room.device));
  // Last, since it freezes what the lines before have made.
  add(out, {"--remount-ro", "/", "--chdir", kWork, "--seccomp", kFilterDescriptor, "--"});
  append(limits(room.device));
  append(argv);
  return out;
}

Result<> Sandbox::show(const fs::path& path) const {
  if (!confines() || !root_) return {};
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  fs::permissions(path, folder ? fs::perms(0755) : fs::perms(0644), error);
  if (!error) return {};
  return fail(Errc::kUnavailable,
              "cannot let nobody read " + path.string() + ": " + error.message());
}

Result<> Sandbox::give(const fs::path& path) const {
  if (!confines() || !root_) return {};
  if (::lchown(path.c_str(), kNobody, kNobody) == 0) return {};
  return fail(Errc::kUnavailable,
              "cannot give " + path.string() + " to nobody: " + std::strerror(errno));
}

}  // namespace worldshare::agent
