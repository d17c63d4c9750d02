#include "agents/agent.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>

#include "agents/control_socket.h"
#include "shared/files.h"
#include "shared/image/bundle.h"
#include "shared/image/canonical.h"
#include "shared/messages/shard.h"
#include "shared/messages/ticket.h"
#include "tests/blender/scene_folder.h"
#include "tests/integration/agent_farm.h"
#include "tests/support/bad_line.h"

namespace worldshare::agent {
namespace {

using namespace std::chrono_literals;
using testing::AgentFarm;
using testing::scene_folder;
using testing::TempFolder;
using View = testing::AgentFarm::View;

/// Blender is asked once for all of these agents.
const std::filesystem::path& findings_of_all() {
  static const TempFolder folder;
  return folder.path();
}

/// An agent on a thread of its own, stopped at the end.
class RunningAgent {
 public:
  RunningAgent(AgentFarm& farm, NKey key, Config config = {}) : key_(std::move(key)) {
    const auto seed = folder_.path() / "seed";
    WS_CHECK(key_.save(seed).has_value(), "seed");
    if (config.nats_url == Config().nats_url) config.nats_url = farm.broker().url();
    config.seed_file = seed;
    if (config.state_folder == Config().state_folder)
      config.state_folder = folder_.path() / "state";
    socket_ = config.socket_file();
    if (config.findings_folder.empty()) config.findings_folder = findings_of_all();
    config.threads = 1;
    config.heartbeat = std::chrono::milliseconds(500);
    auto opened = Agent::open(config);
    WS_CHECK(opened.has_value(), "agent");
    agent_ = std::move(*opened);
    thread_ = std::jthread([this](std::stop_token stop) { agent_->run(std::move(stop)); });
  }
  void stop() { thread_ = {}; }
  const std::filesystem::path& socket() const { return socket_; }
  const std::string& id() const { return key_.public_key(); }

 private:
  TempFolder folder_;
  std::filesystem::path socket_;
  NKey key_;
  std::unique_ptr<Agent> agent_;
  std::jthread thread_;
};

class AgentTest : public ::testing::Test {
 protected:
  void start(Config config = {}) {
    agent_ = std::make_unique<RunningAgent>(farm_, farm_.broker().add_agent(), std::move(config));
    ASSERT_TRUE(farm_.wait_until([](const View& view) { return !view.states.empty(); }));
  }
  wire::AssignmentT give(const std::string& scene, std::int32_t frame, std::uint32_t slot = 0) {
    wire::AssignmentT assignment = farm_.assignment(scene_folder() / scene, frame);
    if (scene == "slow.blend") {
      assignment.output->width = 640;
      assignment.output->height = 360;
    }
    farm_.give(agent_->id(), slot, assignment);
    return assignment;
  }
  wire::ResultT result_of(const std::string& lease) {
    wire::ResultT out;
    EXPECT_TRUE(farm_.wait_until([&](const View& view) { return view.results.contains(lease); }));
    farm_.update([&](View& view) { out = view.results[lease]; });
    return out;
  }
  /// Waits until a heartbeat has told that `lease` is, or was, in `phase`.
  bool wait_phase(const std::string& lease, wire::LeasePhase phase) {
    return farm_.wait_until([&](const View& view) {
      return std::ranges::any_of(view.states, [&](const auto& state) {
        return std::ranges::any_of(state.leases, [&](const auto& held) {
          return held->lease == lease && held->phase == phase;
        });
      });
    });
  }
  /// The agent offers its one slot, sooner or later.
  bool slot_is_free() {
    return farm_.wait_until(
        [](const View& view) { return view.states.back().free_slots.size() == 1; });
  }

  AgentFarm farm_;
  TempFolder ballast_;
  std::unique_ptr<RunningAgent> agent_;
};

TEST_F(AgentTest, SaysWhatItCanDoAndRendersWhatItIsGiven) {
  start();
  const auto assignment = give("cycles.blend", 2);
  const wire::ResultT result = result_of(assignment.lease);
  ASSERT_EQ(result.outcome, wire::Outcome::rendered) << result.error << result.log_tail;
  EXPECT_GT(result.render_seconds, 0);
  EXPECT_GT(result.peak_memory_bytes, 0U);
  EXPECT_TRUE(result.renderer.starts_with("Blender "));
  EXPECT_TRUE(
      messages::TicketCheck(farm_.broker().dispatcher().public_key())
          .holds({assignment.lease, agent_->id(), assignment.scene->sha256, {assignment.frame}},
                 result.ticket));
  ASSERT_TRUE(result.artifact);
  const auto image = farm_.store().read(result.artifact->sha256, 1U << 20);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->size(), result.artifact->size_bytes);
  EXPECT_TRUE(image::check_canonical(*image));

  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::reported));
  ASSERT_TRUE(slot_is_free());
  farm_.update([&](View& view) {
    const auto& state = view.states.back();
    EXPECT_EQ(state.agent, agent_->id());
    EXPECT_EQ(state.slots, 1U);
    EXPECT_EQ(state.free_slots, std::vector<std::uint32_t>{0});
    EXPECT_EQ(state.scenes, std::vector<std::string>{assignment.scene->sha256});
    EXPECT_FALSE(state.draining);
    ASSERT_TRUE(state.capabilities);
    EXPECT_TRUE(state.capabilities->render_class.starts_with("blender-"));
    ASSERT_GE(state.capabilities->devices.size(), 1U);
    const auto& cpu = *state.capabilities->devices[0];
    EXPECT_EQ(cpu.id, "cpu");
    EXPECT_EQ(cpu.slots, std::vector<std::uint32_t>{0});
    EXPECT_EQ(cpu.render_class, state.capabilities->render_class);
    const std::string label = result.renderer.substr(result.renderer.rfind(' ') + 1);
    EXPECT_TRUE(cpu.render_class.ends_with("-" + label)) << result.renderer;
    for (std::size_t i = 1; i < view.states.size(); ++i) {
      EXPECT_GT(view.states[i].sequence, view.states[i - 1].sequence);
    }
  });
}

TEST_F(AgentTest, SeveralFramesAreOneBundleOfTheImagesThatEachWouldBe) {
  start();
  std::vector<Bytes> alone;
  for (const std::int32_t frame : {2, 4}) {
    const auto result = result_of(give("cycles.blend", frame).lease);
    ASSERT_EQ(result.outcome, wire::Outcome::rendered) << result.error;
    alone.push_back(*farm_.store().read(result.artifact->sha256, 1U << 20));
    ASSERT_TRUE(slot_is_free());
  }
  wire::AssignmentT assignment = farm_.assignment(scene_folder() / "cycles.blend", 2);
  assignment.shard = messages::to_wire({2, 2, 2});
  farm_.give(agent_->id(), 0, assignment);
  const auto result = result_of(assignment.lease);
  ASSERT_EQ(result.outcome, wire::Outcome::rendered) << result.error;
  const auto artifact = farm_.store().read(result.artifact->sha256, 1U << 20);
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(*artifact, image::bundle(alone));
  farm_.update([](View& view) {
    EXPECT_TRUE(std::ranges::count(view.states.back().capabilities->features,
                                   messages::kSeveralFrames) == 1);
  });
}

TEST_F(AgentTest, TheSameAssignmentTwiceIsRenderedOnceAndItsSceneFetchedOnce) {
  start();
  const auto first = give("cycles.blend", 1);
  farm_.give(agent_->id(), 0, first);
  result_of(first.lease);
  ASSERT_TRUE(wait_phase(first.lease, wire::LeasePhase::reported));
  farm_.give(agent_->id(), 0, first);
  const auto second = give("cycles.blend", 3);
  result_of(second.lease);
  farm_.update([&](View& view) {
    EXPECT_EQ(view.results.size(), 2U);
    EXPECT_EQ(view.gets, 1U);
  });
}

TEST_F(AgentTest, AnArtifactThatIsThereAlreadyIsNotUploadedAgain) {
  start();
  const auto first = give("workbench.blend", 1);
  EXPECT_EQ(result_of(first.lease).error_code, "mismatch") << "the job says Cycles";
  for (int round = 0; round < 2; ++round) {
    auto assignment = farm_.assignment(scene_folder() / "workbench.blend", 1);
    assignment.engine = wire::Engine::workbench;
    farm_.give(agent_->id(), 0, assignment);
    const auto result = result_of(assignment.lease);
    ASSERT_EQ(result.outcome, wire::Outcome::rendered) << result.error;
    ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::reported));
  }
  farm_.update([](View& view) { EXPECT_EQ(view.puts, 1U); });
}

TEST_F(AgentTest, AFailureIsReportedWithItsReason) {
  start();
  const auto assignment = give("missing_texture.blend", 1);
  const auto result = result_of(assignment.lease);
  EXPECT_EQ(result.outcome, wire::Outcome::failed);
  EXPECT_EQ(result.error_code, "missing_texture");
  EXPECT_NE(result.error.find("gone.png"), std::string::npos);
  EXPECT_FALSE(result.log_tail.empty());
  for (const std::string& text : {result.error, result.log_tail}) {
    EXPECT_EQ(text.find("/state/"), std::string::npos) << "tells of this machine: " << text;
  }
  EXPECT_LE(result.log_tail.size(), 8192U);
  EXPECT_EQ(result.artifact, nullptr);
}

TEST_F(AgentTest, ASceneThatIsNotABlendNeverReachesBlender) {
  start();
  const auto assignment = give("beside.png", 1);
  const auto result = result_of(assignment.lease);
  EXPECT_EQ(result.error_code, "scene_unreadable");
  EXPECT_NE(result.error.find("PNG"), std::string::npos) << result.error;
}

TEST_F(AgentTest, AStoppedLeaseFreesTheSlotAndReportsNothing) {
  start();
  const auto assignment = give("slow.blend", 1);
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::rendering));
  farm_.stop(agent_->id(), 0, assignment.lease);
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::returned));
  EXPECT_TRUE(slot_is_free());
  const auto next = give("cycles.blend", 1);
  EXPECT_EQ(result_of(next.lease).outcome, wire::Outcome::rendered);
  farm_.update([&](View& view) { EXPECT_FALSE(view.results.contains(assignment.lease)); });
}

TEST_F(AgentTest, AnotherLeaseForABusySlotReplacesTheOldOne) {
  start();
  const auto old_one = give("slow.blend", 1);
  ASSERT_TRUE(wait_phase(old_one.lease, wire::LeasePhase::rendering));
  const auto new_one = give("cycles.blend", 1);
  EXPECT_EQ(result_of(new_one.lease).outcome, wire::Outcome::rendered);
  farm_.update([&](View& view) { EXPECT_FALSE(view.results.contains(old_one.lease)); });
}

TEST_F(AgentTest, TransfersThatFailAreTriedAgain) {
  farm_.update([](View& view) {
    view.denied_gets = 1;
    view.failing_puts = 2;
  });
  start();
  const auto assignment = give("cycles.blend", 1);
  EXPECT_EQ(result_of(assignment.lease).outcome, wire::Outcome::rendered);
  farm_.update([](View& view) {
    EXPECT_EQ(view.scene_requests, 1U);
    EXPECT_EQ(view.gets, 2U);
    EXPECT_EQ(view.puts, 3U);
  });
}

TEST_F(AgentTest, ALeaseThatIsOverAtUploadIsLeft) {
  start();
  farm_.update([](View& view) { view.lease_over = true; });
  const auto assignment = give("cycles.blend", 1);
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::rendering) ||
              wait_phase(assignment.lease, wire::LeasePhase::uploading));
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::returned));
  EXPECT_TRUE(slot_is_free());
  farm_.update([](View& view) { EXPECT_TRUE(view.results.empty()); });
}

TEST_F(AgentTest, ABrokerThatDiesDuringTheRenderCostsNothing) {
  start();
  const auto assignment = give("cycles.blend", 4);
  ASSERT_TRUE(
      farm_.wait_until([](const View& view) { return !view.states.back().leases.empty(); }));
  farm_.broker().kill();
  farm_.broker().restart();
  const auto result = result_of(assignment.lease);
  EXPECT_EQ(result.outcome, wire::Outcome::rendered) << result.error;
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::reported));
}

/// Changes a setting of a stream as an operator would. `bytes`: -1 for no limit.
void limit_stream(AgentFarm& farm, const std::string& stream, std::int64_t bytes) {
  const auto broker = farm.broker().connect(farm.broker().operator_key());
  const auto call = [&](const std::string& verb, const std::string& body) {
    auto answer = broker->request("$JS.API.STREAM." + verb + "." + stream, as_bytes(body), 5s);
    WS_CHECK(answer.has_value(), "JetStream answers");
    auto parsed = boost::json::parse(as_text(answer->data())).as_object();
    WS_CHECK(!parsed.contains("error"), "JetStream agrees");
    return parsed;
  };
  auto config = call("INFO", "").at("config").as_object();
  config["max_bytes"] = bytes;
  config["discard"] = "new";
  call("UPDATE", boost::json::serialize(config));
}

TEST_F(AgentTest, AResultWaitsWhileTheBrokersStorageIsFull) {
  start();
  limit_stream(farm_, "RESULTS", 1);
  const auto assignment = give("cycles.blend", 5);
  ASSERT_TRUE(farm_.wait_until([](const View& view) { return view.puts == 1; }));
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::uploading)) << "it is not given up";
  farm_.update([](View& view) { EXPECT_TRUE(view.results.empty()); });
  limit_stream(farm_, "RESULTS", -1);
  EXPECT_EQ(result_of(assignment.lease).outcome, wire::Outcome::rendered);
  EXPECT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::reported));
}

TEST_F(AgentTest, WaitsUntilADispatcherAnswersAndItIsEnrolled) {
  farm_.update([](View& view) { view.dispatcher_answers = false; });
  agent_ = std::make_unique<RunningAgent>(farm_, farm_.broker().add_agent());
  ASSERT_TRUE(farm_.wait_until([](const View& view) { return view.hellos >= 1; }));
  farm_.update([](View& view) {
    view.dispatcher_answers = true;
    view.enrolled = false;
    view.hellos = 0;
  });
  ASSERT_TRUE(farm_.wait_until([](const View& view) { return view.hellos >= 2; }));
  farm_.update([](View& view) {
    EXPECT_TRUE(view.states.empty());
    view.enrolled = true;
  });
  EXPECT_TRUE(farm_.wait_until([](const View& view) { return !view.states.empty(); }));
}

TEST_F(AgentTest, FetchesTheNextSceneWhileItRendersAndAsksForItOnce) {
  start();
  const auto now = give("slow.blend", 1);
  ASSERT_TRUE(wait_phase(now.lease, wire::LeasePhase::rendering));
  farm_.hint(agent_->id(), scene_folder() / "cycles.blend");
  ASSERT_TRUE(farm_.wait_until(
      [](const View& view) { return view.gets == 2 && view.states.back().scenes.size() == 2; }));
  farm_.update([&](View& view) { EXPECT_FALSE(view.results.contains(now.lease)) << "meanwhile"; });
  EXPECT_TRUE(farm_.wait_until([](const View& view) {
    return std::ranges::any_of(view.states, [](const auto& state) {
      return !state.leases.empty() && state.leases[0]->wants_next;
    });
  })) << "it asks when the end is near";
  EXPECT_EQ(result_of(now.lease).outcome, wire::Outcome::rendered);
  EXPECT_EQ(result_of(give("cycles.blend", 1).lease).outcome, wire::Outcome::rendered);
  farm_.update([](View& view) { EXPECT_EQ(view.gets, 2U) << "it was there already"; });
}

TEST_F(AgentTest, AWrongHintLeavesTheLineToWhatIsNeeded) {
  Config config;
  config.download_mbit_s = 0.4;  // the hinted scene would take longer than a test waits
  start(config);
  ASSERT_TRUE(write_file_atomically(ballast_.path() / "wrong.blend", std::string(20U << 20, 'x')));
  farm_.hint(agent_->id(), ballast_.path() / "wrong.blend");
  ASSERT_TRUE(farm_.wait_until([](const View& view) { return view.gets == 1; }));
  EXPECT_EQ(result_of(give("cycles.blend", 1).lease).outcome, wire::Outcome::rendered);
  EXPECT_TRUE(
      farm_.wait_until([](const View& view) { return view.states.back().scenes.size() == 1; }));
}

TEST_F(AgentTest, TwoSlotsWorkAtTheSameTime) {
  Config config;
  config.slots = 2;
  start(config);
  const auto slow = give("slow.blend", 1, 0);
  ASSERT_TRUE(wait_phase(slow.lease, wire::LeasePhase::rendering));
  const auto quick = give("cycles.blend", 1, 1);
  EXPECT_EQ(result_of(quick.lease).outcome, wire::Outcome::rendered);
  farm_.update([&](View& view) { EXPECT_FALSE(view.results.contains(slow.lease)) << "meanwhile"; });
}

TEST_F(AgentTest, ADeviceThatIsNotThereStopsTheStart) {
  Config config;
  const NKey key = farm_.broker().add_agent();
  ASSERT_TRUE(key.save(ballast_.path() / "seed"));
  config.seed_file = ballast_.path() / "seed";
  config.state_folder = ballast_.path() / "state";
  config.devices = {"cpu", "cuda:77"};
  const auto opened = Agent::open(config);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.contains("there is no cuda:77")) << opened.error().message;
  EXPECT_TRUE(opened.error().message.contains("this Blender finds cpu ("));
}

TEST_F(AgentTest, ASecondOneWithTheSameStateFolderDoesNotStart) {
  Config config;
  config.state_folder = ballast_.path() / "state";
  start(config);
  const NKey key = farm_.broker().add_agent();
  ASSERT_TRUE(key.save(ballast_.path() / "seed"));
  config.seed_file = ballast_.path() / "seed";
  const auto second = Agent::open(config);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kConflict);
  EXPECT_TRUE(second.error().message.contains(config.state_folder.string()))
      << second.error().message;
  EXPECT_TRUE(second.error().message.contains("agent.state_folder"));
  EXPECT_EQ(result_of(give("cycles.blend", 1).lease).outcome, wire::Outcome::rendered);
}

/// A Blender on a machine whose CPU is broken: its test picture is black.
std::filesystem::path broken_blender(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::string zeros = "0";
  for (int i = 1; i < 192; ++i) zeros += ",0";
  std::ofstream(folder / "blender")
      << "#!/bin/sh\ncase \" $* \" in *\" self_test \"*)\n  echo '{\"pixels\":\""
      << std::string(64, '0') << "\",\"means\":[" << zeros
      << "],\"seconds\":0.1}' >&3; exit 0;;\nesac\n"
      << "exec /usr/bin/blender \"$@\"\n";
  std::filesystem::permissions(folder / "blender", std::filesystem::perms(0755));
  return folder / "blender";
}

TEST_F(AgentTest, WithoutADeviceThatRendersRightlyItTakesNoWorkAndSaysWhy) {
  Config config;
  config.blender = broken_blender(ballast_.path() / "broken");
  start(config);
  farm_.update([](View& view) {
    const auto& state = view.states.back();
    EXPECT_EQ(state.slots, 0U);
    EXPECT_TRUE(state.free_slots.empty());
    ASSERT_GE(state.capabilities->devices.size(), 1U);
    EXPECT_TRUE(state.capabilities->devices[0]->slots.empty());
    EXPECT_TRUE(state.capabilities->devices[0]->trouble.contains("the test picture is wrong"))
        << state.capabilities->devices[0]->trouble;
  });
  const auto page = ask_agent(agent_->socket(), "status");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_TRUE(page->contains(R"("state":"paused")")) << *page;
  EXPECT_TRUE(page->contains("no device renders rightly (cpu: the test picture is wrong")) << *page;
}

TEST_F(AgentTest, LeavesWithAFarewellAndWithoutABlender) {
  Config config;
  config.drain = std::chrono::seconds(0);
  start(config);
  const auto assignment = give("slow.blend", 1);
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::rendering));
  agent_->stop();
  ASSERT_TRUE(farm_.wait_until([](const View& view) { return view.states.back().draining; }));
  farm_.update([](View& view) {
    EXPECT_TRUE(view.states.back().free_slots.empty());
    EXPECT_EQ(view.states.back().leases.at(0)->phase, wire::LeasePhase::returned);
    EXPECT_TRUE(view.results.empty());
  });
}

TEST_F(AgentTest, FinishesAtTheEndWhatItStillCan) {
  Config config;
  config.drain = std::chrono::minutes(10);
  start(config);
  const auto assignment = give("slow.blend", 1);
  // Only with some progress it knows how long it will take.
  ASSERT_TRUE(farm_.wait_until([&](const View& view) {
    const auto& leases = view.states.back().leases;
    return !leases.empty() && leases[0]->progress > 0.2F;
  }));
  agent_->stop();
  EXPECT_EQ(result_of(assignment.lease).outcome, wire::Outcome::rendered);
  farm_.update([](View& view) { EXPECT_TRUE(view.states.back().draining); });
}

TEST_F(AgentTest, APausedAgentOffersNothingAndSaysSo) {
  start();
  const auto assignment = give("slow.blend", 1);
  ASSERT_TRUE(wait_phase(assignment.lease, wire::LeasePhase::rendering));
  auto page = ask_agent(agent_->socket(), "pause");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_TRUE(page->contains(R"("state":"finishing, then paused")")) << *page;
  EXPECT_TRUE(page->contains(R"("phase":"rendering")")) << *page;
  EXPECT_EQ(result_of(assignment.lease).outcome, wire::Outcome::rendered);
  ASSERT_TRUE(farm_.wait_until([](const View& view) {
    const auto& leases = view.states.back().leases;
    return !leases.empty() && leases[0]->phase == wire::LeasePhase::reported;
  }));
  farm_.update([](View& view) { EXPECT_TRUE(view.states.back().free_slots.empty()); });
  page = ask_agent(agent_->socket(), "status");
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->contains(R"("state":"paused","reason":"paused by its owner")")) << *page;
  EXPECT_TRUE(page->contains(R"("rendered":1)")) << *page;
  EXPECT_TRUE(page->contains(R"("owner":"test-owner")")) << *page;
  ASSERT_TRUE(ask_agent(agent_->socket(), "resume"));
  EXPECT_TRUE(slot_is_free());
}

TEST_F(AgentTest, WithAFullDiskItTakesNoWorkAndSaysWhy) {
  TempFolder disk;
  if (::mount("tmpfs", disk.path().c_str(), "tmpfs", 0, "size=32m") != 0)
    GTEST_SKIP() << "a small disk is mounted by root only";
  const auto unmount =
      std::shared_ptr<void>(nullptr, [&](void*) { ::umount2(disk.path().c_str(), MNT_DETACH); });
  Config config;
  config.state_folder = disk.path() / "state";
  config.free_bytes = 8U << 20;
  config.work.look_every = std::chrono::milliseconds(200);
  start(config);
  const auto free_slots = [&](std::size_t count) {
    return farm_.wait_until([count](const View& view) {
      return !view.states.empty() && view.states.back().free_slots.size() == count;
    });
  };
  ASSERT_TRUE(free_slots(1));
  ASSERT_TRUE(write_file_atomically(disk.path() / "filler", std::string(28U << 20, 'x')));
  ASSERT_TRUE(free_slots(0));
  const auto page = ask_agent(agent_->socket(), "status");
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->contains("MiB are free in")) << *page;
  std::filesystem::remove(disk.path() / "filler");
  ASSERT_TRUE(free_slots(1));
  EXPECT_EQ(result_of(give("cycles.blend", 1).lease).outcome, wire::Outcome::rendered);
  agent_.reset();
}

TEST_F(AgentTest, ALineThatIsSlowAndLosesAThirdCostsTimeOnly) {
  testing::BadLine line(farm_.broker().port(), {});
  Config config;
  config.nats_url = "nats://127.0.0.1:" + std::to_string(line.port());
  start(config);
  for (int frame = 1; frame <= 3; ++frame) {
    EXPECT_EQ(result_of(give("cycles.blend", frame).lease).outcome, wire::Outcome::rendered);
  }
  EXPECT_GT(line.stalls(), 5U);
  farm_.update([](View& view) { EXPECT_EQ(view.results.size(), 3U); });
}

TEST_F(AgentTest, DamagedMailboxMessagesAreLeftAlone) {
  start();
  auto wrong = farm_.assignment(scene_folder() / "cycles.blend", 1);
  wrong.output->width = 0;
  farm_.give(agent_->id(), 0, wrong);
  auto outside = farm_.assignment(scene_folder() / "cycles.blend", 1);
  farm_.give(agent_->id(), 7, outside);
  const auto good = give("cycles.blend", 1);
  EXPECT_EQ(result_of(good.lease).outcome, wire::Outcome::rendered);
  farm_.update([](View& view) { EXPECT_EQ(view.results.size(), 1U); });
}

TEST_F(AgentTest, ALaboratorysCheaterHandsInAnotherPicture) {
  Config config;
  config.tamper = "brighten_region";
  start(config);
  const auto cheated = result_of(give("cycles.blend", 1).lease);
  agent_->stop();
  start();
  const auto honest = result_of(give("cycles.blend", 1).lease);
  ASSERT_TRUE(cheated.artifact && honest.artifact);
  EXPECT_NE(cheated.artifact->sha256, honest.artifact->sha256);
}

}  // namespace
}  // namespace worldshare::agent
