#include <algorithm>

#include "tests/unit/economy_fixture.h"

// Agents whose slots render with different devices.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCpuClass = "blender-3_4-cpu-avx2";
constexpr const char* kGpuClass = "blender-3_4-cuda-nvidia_geforce_rtx_3090-5ab21c9e";

std::unique_ptr<wire::DeviceT> device(const std::string& render_class,
                                      std::uint64_t memory_bytes,
                                      std::vector<std::uint32_t> slots) {
  auto out = std::make_unique<wire::DeviceT>();
  out->render_class = render_class;
  out->engines = {wire::Engine::cycles};
  out->memory_bytes = memory_bytes;
  out->slots = std::move(slots);
  return out;
}

class EconomyDevicesTest : public EconomyTest {
 protected:
  /// Agent n: slot 0 on its CPU with 4 GiB, slot 1 on a GPU with `gpu_bytes`.
  void hear(int n, std::uint64_t gpu_bytes, std::vector<std::uint32_t> free = {0, 1}) {
    auto said = state("agent" + std::to_string(n), std::move(free));
    said.slots = 2;
    said.capabilities->render_class = kCpuClass;
    said.capabilities->engines = {wire::Engine::cycles, wire::Engine::eevee};
    said.capabilities->devices.push_back(device(kCpuClass, 4ULL << 30, {0}));
    said.capabilities->devices.back()->engines = said.capabilities->engines;
    said.capabilities->devices.push_back(device(kGpuClass, gpu_bytes, {1}));
    economy_.heartbeat("owner" + std::to_string(n), said, now_);
    now_ += 100ms;
  }
  void add_need(const std::string& id, std::uint64_t memory_bytes, wire::Engine engine) {
    Job job = make_job(id, 8, 1);
    job.manifest.requirements->memory_bytes = memory_bytes;
    job.manifest.requirements->engine = engine;
    economy_.add_job(std::move(job), now_);
  }
  std::vector<std::uint32_t> slots_served() {
    std::vector<std::uint32_t> out;
    for (const auto& lease : dispatch()) out.push_back(lease.slot);
    std::ranges::sort(out);
    return out;
  }
};

TEST_F(EconomyDevicesTest, AUnitGoesToADeviceWithTheMemoryForIt) {
  add_need("j", 8ULL << 30, wire::Engine::cycles);
  hear(1, 2ULL << 30);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "the agent has too little memory");
  hear(2, 24ULL << 30);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{1}) << "the GPU's alone";
}

TEST_F(EconomyDevicesTest, AGpuWhoseMemoryIsNotKnownGetsWhatNeedsNone) {
  add_need("j", 1ULL << 30, wire::Engine::cycles);
  hear(1, 0);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{0});
  add_need("k", 0, wire::Engine::cycles);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{1});
}

TEST_F(EconomyDevicesTest, AnEngineGoesWhereItIs) {
  add_need("j", 0, wire::Engine::eevee);
  hear(1, 24ULL << 30);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{0});
}

TEST_F(EconomyDevicesTest, ReplicasArePairedByTheClassOfTheSlot) {
  hear(1, 24ULL << 30, {1});
  add_job("j", 1);
  ASSERT_EQ(dispatch().size(), 1U);
  hear(2, 24ULL << 30);
  hear(3, 24ULL << 30, {0});
  const auto second = dispatch();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].agent, "agent2");
  EXPECT_EQ(second[0].slot, 1U) << "a GPU's picture is compared with a GPU's";
}

TEST_F(EconomyDevicesTest, ASlotThatNoDeviceNamesIsAsTheAgentSays) {
  auto said = state("agent1", {0, 1, 2});
  said.slots = 2;
  said.capabilities->devices.push_back(device(kGpuClass, 0, {1}));
  economy_.heartbeat("owner1", said, now_);
  add_need("j", 1ULL << 29, wire::Engine::cycles);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{0}) << "slot 2 is none of its own";
}

TEST_F(EconomyDevicesTest, ADeviceThatIsLeftOutTakesItsSlotsWithIt) {
  auto said = state("agent1", {0});
  said.slots = 0;
  said.capabilities->devices.push_back(device(kCpuClass, 4ULL << 30, {}));
  said.capabilities->devices.back()->trouble = "the test picture is wrong";
  economy_.heartbeat("owner1", said, now_);
  add_need("j", 0, wire::Engine::cycles);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "no agent is connected");
}

TEST_F(EconomyDevicesTest, WhatAnAgentClaimsIsBounded) {
  auto said = state("agent1", {0, 9, 63});
  said.slots = 64;
  for (std::uint32_t slot = 0; slot < 64; ++slot)
    said.capabilities->devices.push_back(
        device("class-" + std::to_string(slot), 1ULL << 30, {slot, slot, 0, 500}));
  economy_.heartbeat("owner1", said, now_);
  EXPECT_EQ(economy_.roster().book().classes().size(), Roster::kMaxKinds);
  add_need("j", 0, wire::Engine::cycles);
  EXPECT_EQ(slots_served(), std::vector<std::uint32_t>{0});
  now_ += 100ms;
  economy_.heartbeat("owner1", state("agent1", {1}), now_);
  EXPECT_EQ(economy_.roster().book().classes().size(), 1U)
      << "what is claimed no more is forgotten";
}

}  // namespace
}  // namespace worldshare::dispatcher
