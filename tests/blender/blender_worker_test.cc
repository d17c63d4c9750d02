#include "agents/blender/blender_worker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "agents/blender/artifact.h"
#include "agents/blender/probe.h"
#include "agents/blender/renderer.h"
#include "shared/image/canonical.h"
#include "tests/blender/scene_folder.h"

namespace worldshare::agent {
namespace {

using testing::blender_options;
using testing::read_all;
using testing::request;
using testing::scene_folder;
using testing::TempFolder;
using testing::write_all;

constexpr std::uint64_t kArtifactLimit = 64U << 20;

class BlenderWorkerTest : public ::testing::Test {
 protected:
  RenderOutcome render(const std::string& scene, const RenderRequest& unit) {
    return renderer_.render(scene_folder() / scene, unit, observer_, {});
  }
  void expect_failure(const std::string& scene, const std::string& code, const std::string& words) {
    const RenderOutcome outcome = render(scene, request(1));
    EXPECT_EQ(outcome.end, RenderEnd::kFailed) << scene;
    EXPECT_EQ(outcome.code, code) << scene << ": " << outcome.error << "\n" << outcome.log_tail;
    EXPECT_NE(outcome.error.find(words), std::string::npos) << outcome.error;
  }

  TempFolder folder_;
  RenderObserver observer_;
  Renderer renderer_{blender_options(folder_)};
};

/// The canonical bytes of what `blender -a` wrote.
Bytes reference(const std::filesystem::path& out, int frame, const std::string& extension) {
  const std::string bytes = read_all(out / fmt::format("{:04}.{}", frame, extension));
  auto canonical = image::canonical(as_bytes(bytes));
  EXPECT_TRUE(canonical) << canonical.error().message;
  return canonical.value_or(Bytes{});
}

struct Look {
  const char* scene;
  wire::Engine engine;
  wire::ImageFormat format;
  const char* extension;
  std::uint32_t width = 64;
  std::uint32_t height = 36;
};

class SamePixels : public BlenderWorkerTest, public ::testing::WithParamInterface<Look> {};

TEST_P(SamePixels, AWarmWorkerRendersWhatABlenderOfItsOwnRenders) {
  const Look& look = GetParam();
  testing::render_animation(scene_folder() / look.scene, folder_.path() / "reference");
  std::filesystem::remove_all(scene_folder() / "stolen");
  pid_t pid = 0;
  for (const int frame : {4, 1, 5}) {
    RenderRequest unit = request(frame);
    unit.engine = look.engine;
    unit.format = look.format;
    unit.width = look.width;
    unit.height = look.height;
    const RenderOutcome outcome = render(look.scene, unit);
    ASSERT_EQ(outcome.end, RenderEnd::kDone) << outcome.error << "\n" << outcome.log_tail;
    const auto artifact = read_artifact(outcome.image, unit, kArtifactLimit);
    ASSERT_TRUE(artifact) << artifact.error().message;
    EXPECT_TRUE(*artifact == reference(folder_.path() / "reference", frame, look.extension))
        << look.scene << " frame " << frame;
    EXPECT_GT(outcome.seconds, 0);
    EXPECT_GT(outcome.peak_memory_bytes, 50U << 20);
    if (pid != 0 && look.engine == wire::Engine::cycles) {
      EXPECT_EQ(renderer_.pid(), pid) << "the Blender stays warm";
    } else {
      EXPECT_NE(renderer_.pid(), pid) << "OpenGL needs a fresh Blender for each frame";
    }
    pid = renderer_.pid();
  }
  EXPECT_FALSE(std::filesystem::exists(scene_folder() / "stolen")) << "a File Output node wrote";
}

INSTANTIATE_TEST_SUITE_P(
    Engines,
    SamePixels,
    ::testing::Values(
        Look{"cycles.blend", wire::Engine::cycles, wire::ImageFormat::png, "png"},
        Look{"cycles_zstd.blend", wire::Engine::cycles, wire::ImageFormat::png, "png"},
        Look{"cropped.blend", wire::Engine::cycles, wire::ImageFormat::png, "png", 16, 18},
        Look{"compositor.blend", wire::Engine::cycles, wire::ImageFormat::png, "png"},
        Look{"packed_texture.blend", wire::Engine::cycles, wire::ImageFormat::png, "png"},
        Look{"exr.blend", wire::Engine::cycles, wire::ImageFormat::exr, "exr"},
        Look{"jpeg.blend", wire::Engine::cycles, wire::ImageFormat::jpeg, "jpg"},
        Look{"eevee.blend", wire::Engine::eevee, wire::ImageFormat::png, "png"},
        Look{"workbench.blend", wire::Engine::workbench, wire::ImageFormat::png, "png"}),
    [](const auto& look) {
      const std::string name = look.param.scene;
      return name.substr(0, name.find('.'));
    });

TEST_F(BlenderWorkerTest, ProgressAndLoadingAreSeen) {
  bool loaded = false;
  std::vector<double> seen;
  observer_.on_loaded = [&] { loaded = true; };
  observer_.on_progress = [&](double fraction) { seen.push_back(fraction); };
  ASSERT_EQ(render("cycles.blend", request(2)).end, RenderEnd::kDone);
  EXPECT_TRUE(loaded);
  ASSERT_FALSE(seen.empty());
  EXPECT_DOUBLE_EQ(seen.back(), 1.0);
}

TEST_F(BlenderWorkerTest, ScenesThatCannotRenderHereSayWhy) {
  expect_failure("missing_texture.blend", "missing_texture", "gone.png");
  expect_failure("external_texture.blend", "missing_texture", "beside.png");
  expect_failure("missing_library.blend", "missing_library", "library.blend");
  expect_failure("no_camera.blend", "no_camera", "camera");
  expect_failure("denoise.blend", "no_denoiser", "OpenImageDenoise");
  expect_failure("driver.blend", "driver_script", "getpid");
  expect_failure("problems.blend", "time_limit", "time limit");
  EXPECT_EQ(render("unused_texture.blend", request(1)).end, RenderEnd::kDone);
}

TEST_F(BlenderWorkerTest, AFaultIsToldOfEachFrame) {
  for (const int frame : {1, 2}) {
    const RenderOutcome outcome = render("hidden_driver.blend", request(frame));
    EXPECT_EQ(outcome.end, RenderEnd::kFailed) << frame;
    EXPECT_EQ(outcome.code, "driver_script") << frame << ": " << outcome.error;
  }
}

TEST_F(BlenderWorkerTest, DamagedFilesAreUnreadableScenes) {
  const std::string whole = read_all(scene_folder() / "cycles.blend");
  write_all(scene_folder() / "truncated.blend", whole.substr(0, whole.size() / 2));
  write_all(scene_folder() / "noise.blend", std::string(5000, 'n'));
  write_all(scene_folder() / "renamed.blend", read_all(scene_folder() / "beside.png"));
  for (const char* name : {"truncated.blend", "noise.blend", "renamed.blend", "absent.blend"}) {
    const RenderOutcome outcome = render(name, request(1));
    EXPECT_EQ(outcome.end, RenderEnd::kFailed) << name;
    EXPECT_EQ(outcome.code, "scene_unreadable") << name << outcome.error;
  }
}

TEST_F(BlenderWorkerTest, AFileOfANewerBlenderIsRefused) {
  std::string bytes = read_all(scene_folder() / "cycles.blend");
  bytes.replace(0, 12, "BLENDER-v999");
  write_all(scene_folder() / "newer.blend", bytes);
  expect_failure("newer.blend", "newer_file", "9.99");
}

TEST_F(BlenderWorkerTest, AJobThatDescribesAnotherSceneIsAMismatch) {
  RenderRequest unit = request(1);
  unit.width = 65;
  EXPECT_EQ(render("cycles.blend", unit).code, "mismatch");
  unit = request(1);
  unit.format = wire::ImageFormat::exr;
  EXPECT_EQ(render("cycles.blend", unit).code, "mismatch");
  unit = request(1);
  unit.engine = wire::Engine::eevee;
  const RenderOutcome outcome = render("cycles.blend", unit);
  EXPECT_EQ(outcome.code, "mismatch");
  EXPECT_NE(outcome.error.find("eevee"), std::string::npos);
  EXPECT_EQ(render("cycles.blend", request(1)).end, RenderEnd::kDone) << "and goes on";
}

RenderRequest slow_request() {
  RenderRequest unit = request(1);
  unit.width = 640;
  unit.height = 360;
  return unit;
}

TEST_F(BlenderWorkerTest, ACrashIsTriedOnceInAFreshBlender) {
  int kills = 0;
  std::vector<pid_t> pids;
  observer_.on_loaded = [&] {
    pids.push_back(renderer_.pid());
    ++kills;
    ::kill(renderer_.pid(), SIGKILL);
  };
  RenderOutcome outcome = render("slow.blend", slow_request());
  EXPECT_EQ(outcome.end, RenderEnd::kCrashed);
  EXPECT_EQ(outcome.code, "crash");
  EXPECT_NE(outcome.error.find("signal 9"), std::string::npos) << outcome.error;
  ASSERT_EQ(kills, 2);
  EXPECT_NE(pids[0], pids[1]);

  kills = 0;
  observer_.on_loaded = [&] {
    if (kills++ == 0) ::kill(renderer_.pid(), SIGSEGV);
  };
  outcome = render("cycles.blend", request(3));
  EXPECT_EQ(outcome.end, RenderEnd::kDone) << outcome.error;
  EXPECT_EQ(kills, 2);
}

TEST_F(BlenderWorkerTest, AWarmBlenderIsReplacedBeforeItIsSpent) {
  const auto pids = [&](WarmLimits limits) {
    Renderer renderer(blender_options(folder_), limits);
    std::vector<pid_t> out;
    for (int frame = 1; frame <= 4; ++frame) {
      const auto outcome =
          renderer.render(scene_folder() / "cycles.blend", request(frame), observer_, {});
      EXPECT_EQ(outcome.end, RenderEnd::kDone) << outcome.error;
      EXPECT_GT(outcome.memory_bytes, 50U << 20);
      out.push_back(renderer.pid());
    }
    return out;
  };
  const auto by_units = pids({.units = 2});
  EXPECT_EQ(by_units[0], by_units[1]);
  EXPECT_NE(by_units[1], by_units[2]);
  EXPECT_EQ(by_units[2], by_units[3]);
  const auto by_age = pids({.age = std::chrono::milliseconds(0)});
  EXPECT_NE(by_age[0], by_age[1]);
  const auto kept = pids({});
  EXPECT_EQ(kept[0], kept[3]);
}

TEST_F(BlenderWorkerTest, AStoppedRenderEndsItsBlenderAtOnce) {
  std::stop_source source;
  pid_t pid = 0;
  observer_.on_loaded = [&] {
    pid = renderer_.pid();
    source.request_stop();
  };
  const auto before = std::chrono::steady_clock::now();
  const RenderOutcome outcome = renderer_.render(scene_folder() / "slow.blend", slow_request(),
                                                 observer_, source.get_token());
  EXPECT_EQ(outcome.end, RenderEnd::kStopped);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(BlenderWorkerTest, TheTimeLimitHolds) {
  RenderRequest unit = slow_request();
  unit.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  const RenderOutcome outcome = render("slow.blend", unit);
  EXPECT_EQ(outcome.end, RenderEnd::kFailed);
  EXPECT_EQ(outcome.code, "timeout");
  EXPECT_EQ(renderer_.pid(), 0);
}

TEST_F(BlenderWorkerTest, TheKernelEndsBlenderWithTheThreadThatStartedIt) {
  std::unique_ptr<BlenderWorker> worker;
  std::thread([&] {
    auto started = BlenderWorker::start(blender_options(folder_), scene_folder() / "slow.blend");
    ASSERT_TRUE(started);
    worker = std::move(*started);
  }).join();
  ASSERT_NE(worker, nullptr);
  siginfo_t end{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(worker->pid()), &end, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(end.si_code, CLD_KILLED);
  EXPECT_EQ(end.si_status, SIGKILL);
  EXPECT_FALSE(worker->alive());
}

TEST_F(BlenderWorkerTest, ACheaterOfTheLaboratoryKeepsSizeAndFormat) {
  RenderRequest unit = request(1);
  const auto honest = read_artifact(render("cycles.blend", unit).image, unit, kArtifactLimit);
  unit.tamper = "brighten_region";
  const RenderOutcome outcome = render("cycles.blend", unit);
  ASSERT_EQ(outcome.end, RenderEnd::kDone) << outcome.error;
  const auto tampered = read_artifact(outcome.image, unit, kArtifactLimit);
  ASSERT_TRUE(honest && tampered);
  EXPECT_NE(*honest, *tampered);
}

TEST_F(BlenderWorkerTest, AnArtifactIsNeverALinkNorAnythingElse) {
  const RenderRequest unit = request(1);
  const auto link = folder_.path() / "link.png";
  std::filesystem::create_symlink("/etc/passwd", link);
  EXPECT_FALSE(read_artifact(link, unit, kArtifactLimit));
  EXPECT_FALSE(read_artifact(folder_.path(), unit, kArtifactLimit));
  EXPECT_FALSE(read_artifact(folder_.path() / "none", unit, kArtifactLimit));
  EXPECT_FALSE(read_artifact(scene_folder() / "beside.png", unit, kArtifactLimit)) << "8x8";
  EXPECT_EQ(read_artifact(scene_folder() / "beside.png", unit, 10).error().code, Errc::kInvalid);
}

TEST_F(BlenderWorkerTest, AProbeTellsWhatThisBlenderCanDoAndRemembersIt) {
  const auto cache = folder_.path() / "probe";
  const auto first = probe(blender_options(folder_), cache);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->can.render_class.starts_with("blender-")) << first->can.render_class;
  EXPECT_TRUE(first->can.render_class.ends_with("-" + device_label({})));
  EXPECT_EQ(first->can.engines.size(), 3U);
  EXPECT_GT(first->can.memory_bytes, 1U << 20);
  ASSERT_FALSE(first->devices.empty());
  EXPECT_EQ(first->devices[0].id, "cpu");
  EXPECT_FALSE(first->devices[0].name.empty());
  ASSERT_TRUE(std::filesystem::exists(cache));
  const auto before = std::chrono::steady_clock::now();
  const auto second = probe(blender_options(folder_), cache);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->can.render_class, first->can.render_class);
  EXPECT_EQ(second->can.features, first->can.features);
  EXPECT_EQ(second->devices.size(), first->devices.size());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(300));
  BlenderOptions nothing = blender_options(folder_);
  nothing.blender = "/nonexistent/blender";
  EXPECT_EQ(probe(nothing, cache).error().code, Errc::kNotFound);
}

TEST_F(BlenderWorkerTest, AnAnalysisNamesEveryProblem) {
  const auto line = run_driver_once(blender_options(folder_), "analyse",
                                    scene_folder() / "problems.blend", std::chrono::minutes(1));
  ASSERT_TRUE(line) << line.error().message;
  for (const char* code : {"time_limit", "movie_format", "stamp", "unbaked_simulation"}) {
    EXPECT_NE(line->find(fmt::format("\"code\": \"{}\"", code)), std::string::npos) << code;
  }
  const auto broken = run_driver_once(blender_options(folder_), "analyse",
                                      scene_folder() / "beside.png", std::chrono::minutes(1));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Errc::kCorrupt) << broken.error().message;
}

}  // namespace
}  // namespace worldshare::agent
