#include "agents/sandbox/sandbox.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/json.hpp>

#include "agents/blender/artifact.h"
#include "agents/blender/renderer.h"
#include "agents/sandbox/syscall_filter.h"
#include "shared/process.h"
#include "tests/blender/scene_folder.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

using testing::read_all;
using testing::scene_folder;
using testing::TempFolder;
using testing::write_all;

/// A server that listens on a free loopback port and answers nobody.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), any, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 4), 0);
    EXPECT_EQ(::getsockname(fd_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::string port() const { return std::to_string(port_); }

 private:
  Descriptor fd_;
  std::uint16_t port_ = 0;
};

/// Somebody who runs code of their own in a render, and what they brought home.
class Intruder {
 public:
  Intruder() {
    for (const char* name : {"work", "work/unit", "scripts"}) {
      fs::create_directories(folder_.path() / name);
    }
    fs::copy(WS_SOURCE_DIR "/tests/blender/intruder.py", room_.scripts / "intruder.py");
    write_all(room_.scripts / "driver.py", "original");
    write_all(folder_.path() / "agent.seed", "the agent's key");
  }

  boost::json::object run(const Sandbox& sandbox, bool harmless) {
    EXPECT_TRUE(sandbox.give(room_.work));
    EXPECT_TRUE(sandbox.give(room_.work / "unit"));
    auto filter = make_syscall_filter();
    EXPECT_TRUE(filter);
    ProcessOptions process;
    process.argv = sandbox.command(
        room_, {"/usr/bin/python3", sandbox.scripts_inside(room_) / "intruder.py",
                sandbox.work_inside(room_) / "unit" / "report.json",
                (folder_.path() / "agent.seed").string(), (folder_.path() / "outside").string(),
                listener_.port(), std::to_string(3ULL << 30)});
    process.extra_fd = filter->get();
    process.output_file = folder_.path() / "log";
    process.clear_environment = sandbox.confines();
    process.environment = {{"PATH", "/usr/bin:/bin"}};
    if (!sandbox.confines()) process.environment["SECRET_KEY"] = "in the environment";
    if (harmless) process.environment["HARMLESS"] = "1";
    auto spawned = Process::spawn(process);
    EXPECT_TRUE(spawned) << spawned.error().message;
    EXPECT_TRUE(spawned->wait(std::chrono::seconds(100)));
    const std::string report = read_all(room_.work / "unit" / "report.json");
    EXPECT_FALSE(report.empty()) << read_all(folder_.path() / "log");
    return boost::json::parse(report.empty() ? "{}" : report).as_object();
  }

  const Room& room() const { return room_; }
  fs::path outside() const { return folder_.path() / "outside"; }

 private:
  TempFolder folder_;
  Room room_{
      fs::canonical(folder_.path()) / "work", folder_.path() / "scripts", {}, "/usr/bin/python3"};
  Listener listener_;
};

TEST(Sandbox, LeavesAnIntruderNothing) {
  SandboxOptions options;
  options.memory_bytes = 2ULL << 30;
  options.file_bytes = 8U << 20;
  options.processes = 200;
  const auto sandbox = Sandbox::open(options);
  ASSERT_TRUE(sandbox) << sandbox.error().message;
  Intruder intruder;
  const auto found = intruder.run(*sandbox, false);
  EXPECT_TRUE(found.empty()) << boost::json::serialize(found);
  EXPECT_FALSE(fs::exists(intruder.outside()));
  EXPECT_EQ(read_all(intruder.room().scripts / "driver.py"), "original");
  EXPECT_LE(fs::file_size(intruder.room().work / "unit" / "large"), options.file_bytes);
}

// The other half of the proof: the same intruder without a sandbox.
TEST(Sandbox, IsWhatHoldsTheIntruder) {
  Intruder intruder;
  const auto found = intruder.run(Sandbox::none(), true);
  for (const char* name : {"read_secret", "read_passwd", "read_environment", "write_outside",
                           "connect", "socket", "other_processes", "allocate", "large_file"}) {
    EXPECT_TRUE(found.contains(name)) << name;
  }
}

/// A device of this machine that no room has by itself; empty: there is none.
fs::path some_device() {
  for (const char* name : {"/dev/fuse", "/dev/tty0", "/dev/kmsg", "/dev/net/tun"}) {
    if (fs::is_character_file(name)) return name;
  }
  return {};
}

constexpr const char* kTellWhatIsThere = R"(
import json, os, resource, socket, sys
def tried(what):
    try:
        return what() or "ok"
    except OSError as error:
        return error.strerror
    except MemoryError:
        return "no memory"
def of(family, kind=socket.SOCK_STREAM):
    return socket.socket(family, kind)
def listen():
    here = of(socket.AF_UNIX)
    here.bind("\0driver")
    here.listen()
def connect():
    of(socket.AF_UNIX).connect("/tmp/none")
print(json.dumps({
    "dev": sorted(os.path.join(folder, name) for folder, _, files in os.walk("/dev") for name in files),
    "root": sorted(os.listdir("/")),
    "listen": tried(listen), "connect": tried(connect),
    "internet": tried(lambda: of(socket.AF_INET) and None),
    "netlink": tried(lambda: of(socket.AF_NETLINK, socket.SOCK_RAW) and None),
    "as": resource.getrlimit(resource.RLIMIT_AS)[0], "data": resource.getrlimit(resource.RLIMIT_DATA)[0],
    "allocate": "ok" if sys.argv[1] == "0" else tried(lambda: len(bytearray(int(sys.argv[1]))) and None)},
    default=str))
)";

/// What a program in such a room finds.
boost::json::object look_around(const DeviceAccess& device, const std::string& allocate = "0") {
  SandboxOptions options;
  options.memory_bytes = 2ULL << 30;
  const auto sandbox = Sandbox::open(options);
  EXPECT_TRUE(sandbox) << sandbox.error().message;
  TempFolder folder;
  fs::create_directories(folder.path() / "work");
  EXPECT_TRUE(sandbox->give(folder.path() / "work"));
  const Room room{folder.path() / "work", folder.path(), {}, "/usr/bin/python3", device};
  auto filter = make_syscall_filter(device.local_sockets);
  EXPECT_TRUE(filter);
  ProcessOptions process;
  process.argv = sandbox->command(room, {"/usr/bin/python3", "-c", kTellWhatIsThere, allocate});
  process.extra_fd = filter->get();
  process.output_file = folder.path() / "log";
  auto spawned = Process::spawn(process);
  EXPECT_TRUE(spawned) << spawned.error().message;
  EXPECT_TRUE(spawned->wait(std::chrono::seconds(60)));
  const std::string said = read_all(folder.path() / "log");
  boost::system::error_code error;
  const auto found = boost::json::parse(said, error);
  EXPECT_FALSE(error) << said;
  return error ? boost::json::object() : found.as_object();
}

// A GPU's slot: its own device, and nothing else that other rooms do not have.
TEST(Sandbox, ADeviceIsLetInAlone) {
  const fs::path device = some_device();
  if (device.empty()) GTEST_SKIP() << "no device of this machine can stand for a GPU's";
  const auto without = look_around({});
  const auto with = look_around({{device}, {"/sys/devices/system/cpu"}, false});
  EXPECT_EQ(without.at("listen"), "Operation not permitted");
  auto devices = without.at("dev").as_array();
  devices.emplace_back(device.string());
  std::ranges::sort(devices, {}, [](const auto& name) { return std::string(name.as_string()); });
  EXPECT_EQ(with.at("dev"), devices);
  auto root = without.at("root").as_array();
  root.emplace_back("sys");
  std::ranges::sort(root, {}, [](const auto& name) { return std::string(name.as_string()); });
  EXPECT_EQ(with.at("root"), root);
  for (const char* same : {"listen", "connect", "internet", "netlink"})
    EXPECT_EQ(with.at(same), without.at(same)) << same;
}

TEST(Sandbox, ADriverMayListenToItselfAndReachNobody) {
  const fs::path device = some_device();
  if (device.empty()) GTEST_SKIP() << "no device of this machine can stand for a GPU's";
  const auto found = look_around({{device}, {}, true});
  EXPECT_EQ(found.at("listen"), "ok");
  for (const char* refused : {"connect", "internet", "netlink"})
    EXPECT_EQ(found.at(refused), "Operation not permitted") << refused;
}

// A GPU's driver reserves more addresses than there is memory; what is written counts.
TEST(Sandbox, WithADeviceMemoryIsLimitedAllTheSame) {
  const fs::path device = some_device();
  if (device.empty()) GTEST_SKIP() << "no device of this machine can stand for a GPU's";
  const auto plain = look_around({});
  EXPECT_EQ(plain.at("as").to_number<std::uint64_t>(), 2ULL << 30);
  const auto found = look_around({{device}, {}, true}, std::to_string(3ULL << 30));
  EXPECT_EQ(found.at("as").to_number<std::int64_t>(), -1);
  EXPECT_EQ(found.at("data").to_number<std::uint64_t>(), 2ULL << 30);
  EXPECT_EQ(found.at("allocate"), "no memory");
}

TEST(Sandbox, ALinkIsNoArtifact) {
  Intruder intruder;
  ASSERT_FALSE(intruder.run(Sandbox::none(), true).empty());
  const fs::path unit = intruder.room().work / "unit";
  ASSERT_TRUE(fs::is_symlink(unit / "frame.png"));
  EXPECT_FALSE(read_artifact(unit / "frame.png", testing::request(1), 1U << 20));
  // Nor is a file behind a folder that became a link.
  write_all(intruder.outside().parent_path() / "frame.png", "bytes");
  fs::rename(unit, intruder.room().work / "was");
  fs::create_directory_symlink(intruder.outside().parent_path(), unit);
  const auto led_out = read_artifact(unit / "frame.png", testing::request(1), 1U << 20);
  ASSERT_FALSE(led_out);
  EXPECT_EQ(led_out.error().message, "there is no image");
}

TEST(Sandbox, ThatCannotWorkSaysWhatToDo) {
  SandboxOptions options;
  options.bwrap = "/no/such/bwrap";
  const auto refused = Sandbox::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_NE(refused.error().message.find("apt-get install bubblewrap"), std::string::npos);
  options.mode = "auto";
  const auto without = Sandbox::open(options);
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->confines());
  options.mode = "sometimes";
  EXPECT_NE(Sandbox::open(options).error().message.find("sandbox.mode"), std::string::npos);
}

/// Blender never sees the agent's environment, so it must not decide whether Blender is confined.
TEST(Sandbox, IsTriedInTheEnvironmentThatBlenderGets) {
  const TempFolder folder;
  write_all(folder.path() / "libc.so.6", "no library");
  ASSERT_EQ(::setenv("LD_LIBRARY_PATH", folder.path().c_str(), 1), 0);
  const auto sandbox = Sandbox::open({.mode = "required"});
  ::unsetenv("LD_LIBRARY_PATH");
  EXPECT_TRUE(sandbox) << sandbox.error().message;
}

TEST(Sandbox, AMemoryBombOfASceneEndsItsBlenderOnly) {
  TempFolder folder;
  BlenderOptions options = testing::blender_options(folder);
  SandboxOptions limits;
  limits.memory_bytes = 3ULL << 30;
  options.sandbox = *Sandbox::open(limits);
  Renderer renderer(options);
  const auto bomb =
      renderer.render(scene_folder() / "memory_bomb.blend", testing::request(1), {}, {});
  EXPECT_NE(bomb.end, RenderEnd::kDone);
  const auto next = renderer.render(scene_folder() / "cycles.blend", testing::request(1), {}, {});
  EXPECT_EQ(next.end, RenderEnd::kDone) << next.error;
}

}  // namespace
}  // namespace worldshare::agent
