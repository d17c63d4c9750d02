#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "agents/config.h"
#include "agents/devices/device_access.h"
#include "agents/devices/device_choice.h"
#include "agents/devices/device_findings.h"
#include "agents/devices/graphics_card.h"
#include "agents/devices/known_picture.h"
#include "agents/workforce.h"
#include "tests/support/temp_folder.h"

// There is no GPU here: cards are files that these tests write, as the drivers' own look.

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

using testing::TempFolder;

constexpr const char* kFirst = "0000:65:00";
constexpr const char* kSecond = "0000:b3:00";

Device gpu(const std::string& id, const std::string& pci, std::uint64_t memory = 0) {
  std::string type = id.substr(0, id.find(':'));
  for (char& c : type) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return {id,  type,  type + "_NVIDIA GeForce RTX 3090_" + pci, "NVIDIA GeForce RTX 3090",
          pci, memory};
}

const Device kCpu{"cpu", "CPU", "CPU", "AMD Ryzen 9 7950X", "", 0};

std::vector<std::string> ids(const std::vector<Device>& devices) {
  std::vector<std::string> out;
  for (const auto& device : devices) out.push_back(device.id);
  return out;
}

/// A system's root folder with the files that a test needs.
class SystemFolder {
 public:
  void file(const std::string& name, const std::string& text = "") {
    fs::create_directories((path() / name).parent_path());
    std::ofstream(path() / name) << text;
  }
  void card(const std::string& pci, const std::string& vendor, const std::string& driver) {
    const std::string folder = "sys/bus/pci/devices/" + pci + ".0/";
    file(folder + "class", "0x030000\n");
    file(folder + "vendor", vendor + "\n");
    if (!driver.empty()) fs::create_symlink("../drivers/" + driver, path() / folder / "driver");
  }
  void nvidia_card(const std::string& pci, int minor) {
    card(pci, "0x10de", "nvidia");
    file("proc/driver/nvidia/gpus/" + pci + ".0/information",
         "Model: \t\t NVIDIA GeForce RTX 3090\nDevice Minor: \t " + std::to_string(minor) + "\n");
    for (const auto& name : {"nvidia" + std::to_string(minor), std::string("nvidiactl"),
                             std::string("nvidia-uvm"), std::string("nvidia-uvm-tools")})
      file("dev/" + name);
  }
  const fs::path& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

std::vector<std::string> names(const std::vector<fs::path>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.filename());
  return out;
}

TEST(DeviceChoice, AutoIsTheCpuAndEachCardOnceByItsFirstType) {
  const std::vector<Device> found{kCpu, gpu("optix:0", kFirst), gpu("cuda:0", kFirst),
                                  gpu("cuda:1", kSecond)};
  const auto chosen = choose_devices({"auto"}, found);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(ids(*chosen), (std::vector<std::string>{"cpu", "optix:0", "cuda:1"}));
}

TEST(DeviceChoice, AListIsTakenAsItIs) {
  const std::vector<Device> found{kCpu, gpu("optix:0", kFirst), gpu("cuda:0", kFirst)};
  const auto chosen = choose_devices({"cuda:0"}, found);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(ids(*chosen), std::vector<std::string>{"cuda:0"});
}

TEST(DeviceChoice, WhatIsNotThereIsNamedWithWhatIs) {
  const auto chosen = choose_devices({"cpu", "cuda:1"}, {kCpu, gpu("cuda:0", kFirst)});
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, Errc::kInvalid);
  for (const char* word : {"agent.devices", "cuda:1", "cuda:0 (NVIDIA GeForce RTX 3090)"})
    EXPECT_TRUE(chosen.error().message.contains(word)) << chosen.error().message;
}

TEST(DeviceChoice, OneCardHasOneSlot) {
  const auto chosen =
      choose_devices({"cuda:0", "optix:0"}, {kCpu, gpu("optix:0", kFirst), gpu("cuda:0", kFirst)});
  ASSERT_FALSE(chosen);
  EXPECT_TRUE(chosen.error().message.contains("the same card")) << chosen.error().message;
}

TEST(DeviceChoice, NonsenseIsRefusedWithoutAskingBlender) {
  for (const std::vector<std::string>& wishes :
       std::vector<std::vector<std::string>>{{},
                                             {"gpu"},
                                             {"cuda"},
                                             {"cuda:"},
                                             {"cuda:x"},
                                             {"cuda:1234"},
                                             {"opencl:0"},
                                             {"auto", "cpu"},
                                             {"cpu", "auto"},
                                             {"cpu", "cpu"}}) {
    EXPECT_FALSE(check_device_wishes(wishes)) << (wishes.empty() ? "none" : wishes.back());
  }
  EXPECT_TRUE(check_device_wishes({"cpu", "cuda:0", "oneapi:12"}));
}

TEST(DeviceChoice, IsReadFromAWordOrAList) {
  Config config;
  ASSERT_TRUE(config.fields().load_text("agent: { devices: auto }", "agent.yaml"));
  EXPECT_EQ(config.devices, std::vector<std::string>{"auto"});
  ASSERT_TRUE(config.fields().load_text("agent: { devices: [cpu, \"cuda:0\"] }", "agent.yaml"));
  EXPECT_EQ(config.devices, (std::vector<std::string>{"cpu", "cuda:0"}));
  EXPECT_TRUE(config.check()) << config.check().error().message;
  config.devices = {"vulkan:0"};
  EXPECT_TRUE(config.check().error().message.contains("agent.devices: vulkan:0"));
}

TEST(DeviceAccess, TheCpuNeedsNothing) {
  const auto access = access_of(kCpu);
  ASSERT_TRUE(access);
  EXPECT_TRUE(access->files.empty());
  EXPECT_TRUE(access->pages.empty());
  EXPECT_FALSE(access->local_sockets);
}

TEST(DeviceAccess, AnNvidiaCardIsLetInWithoutTheOther) {
  SystemFolder system;
  system.nvidia_card(kFirst, 1);
  system.nvidia_card(kSecond, 0);
  const auto access = access_of(gpu("cuda:0", kFirst), system.path());
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(names(access->files), (std::vector<std::string>{"nvidia1", "nvidiactl", "nvidia-uvm"}));
  EXPECT_TRUE(access->pages.empty());
  EXPECT_TRUE(access->local_sockets);
}

TEST(DeviceAccess, WhereItCannotBeToldWhichCardItIsNoneIsLetIn) {
  SystemFolder system;
  system.nvidia_card(kFirst, 0);
  fs::remove_all(system.path() / "proc");
  EXPECT_TRUE(access_of(gpu("cuda:0", kFirst), system.path())) << "there is but one";
  system.file("dev/nvidia1");
  const auto access = access_of(gpu("cuda:0", kFirst), system.path());
  ASSERT_FALSE(access);
  EXPECT_TRUE(access.error().message.contains(kFirst)) << access.error().message;
}

TEST(DeviceAccess, ADriverThatIsNotLoadedIsToldWithTheRemedy) {
  SystemFolder system;
  system.nvidia_card(kFirst, 0);
  fs::remove(system.path() / "dev/nvidia-uvm");
  const auto access = access_of(gpu("cuda:0", kFirst), system.path());
  ASSERT_FALSE(access);
  EXPECT_TRUE(access.error().message.contains("nvidia-modprobe")) << access.error().message;
}

TEST(DeviceAccess, AnAmdCardNeedsItsRenderNodeAndTheDriversPages) {
  SystemFolder system;
  system.card(kFirst, "0x1002", "amdgpu");
  system.file("sys/bus/pci/devices/" + std::string(kFirst) + ".0/drm/renderD129/dev");
  system.file("sys/bus/pci/devices/" + std::string(kFirst) + ".0/mem_info_vram_total",
              "17163091968\n");
  for (const char* name : {"dev/kfd", "dev/dri/renderD128", "dev/dri/renderD129"})
    system.file(name);
  const auto access = access_of(gpu("hip:0", kFirst), system.path());
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(names(access->files), (std::vector<std::string>{"renderD129", "kfd"}));
  EXPECT_FALSE(access->local_sockets);
  EXPECT_EQ(memory_of(gpu("hip:0", kFirst), system.path()), 17'163'091'968U);
  EXPECT_FALSE(access_of(gpu("hip:1", kSecond), system.path()));
}

TEST(DeviceAccess, FindingDevicesNeedsAllCards) {
  SystemFolder system;
  EXPECT_TRUE(access_of_all(system.path()).files.empty());
  EXPECT_FALSE(access_of_all(system.path()).local_sockets);
  system.nvidia_card(kFirst, 0);
  system.nvidia_card(kSecond, 1);
  const auto access = access_of_all(system.path());
  EXPECT_EQ(names(access.files),
            (std::vector<std::string>{"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"}));
  EXPECT_TRUE(access.local_sockets);
}

TEST(GraphicsCards, AreListedWithTheirDrivers) {
  SystemFolder system;
  system.nvidia_card(kSecond, 0);
  system.card(kFirst, "0x1002", "");
  system.file("sys/bus/pci/devices/0000:00:1f.0/class", "0x060100\n");
  const auto cards = graphics_cards(system.path());
  ASSERT_EQ(cards.size(), 2U);
  EXPECT_EQ(cards[0].pci, kFirst);
  EXPECT_EQ(cards[0].maker, GraphicsCard::Maker::amd);
  EXPECT_EQ(cards[0].driver, "");
  EXPECT_EQ(cards[1].driver, "nvidia");
  const auto before = graphics_state(system.path());
  EXPECT_EQ(graphics_state(system.path()), before);
  system.file("proc/driver/nvidia/version", "NVRM version: 580.159.04\n");
  EXPECT_NE(graphics_state(system.path()), before) << "another driver";
}

TEST(GraphicsCards, ThatAreIdleAreExplained) {
  using Maker = GraphicsCard::Maker;
  const std::vector<Backend> cuda{{"CUDA", true}};
  const auto nouveau = idle_card_finding({kFirst, Maker::nvidia, "nouveau"}, cuda);
  ASSERT_TRUE(nouveau);
  EXPECT_TRUE(nouveau->seen.contains("its driver is nouveau")) << nouveau->seen;
  EXPECT_TRUE(nouveau->remedy.contains("nvidia-driver"));
  const auto unbuilt = idle_card_finding({kFirst, Maker::amd, "amdgpu"}, cuda);
  ASSERT_TRUE(unbuilt);
  EXPECT_TRUE(unbuilt->seen.contains("built without HIP")) << unbuilt->seen;
  const auto hidden = idle_card_finding({kFirst, Maker::nvidia, "nvidia"}, cuda);
  ASSERT_TRUE(hidden);
  EXPECT_TRUE(hidden->seen.contains("Cycles does not find it")) << hidden->seen;
  EXPECT_FALSE(idle_card_finding({kFirst, Maker::intel, "i915"}, cuda));
}

SelfTestAnswer known_answer() {
  return {known_pixels("3.4.1", "cpu-avx512"), {kKnownMeans.begin(), kKnownMeans.end()}, 0.1};
}

TEST(SelfTest, TheKnownPictureGivesTheClassItsName) {
  auto answer = known_answer();
  const auto label = device_label(kCpu);
  const auto test = judge(answer, kCpu, "3.4.1");
  EXPECT_EQ(test.trouble, "");
  if (label == "cpu-avx512") {
    EXPECT_EQ(test.label, label);
  }
  answer.pixels = std::string(64, 'a');
  EXPECT_EQ(judge(answer, kCpu, "3.4.1").label, label + "-aaaaaaaa")
      << "right but for bits: a class of its own";
  EXPECT_EQ(judge(answer, kCpu, "4.2.1").label, label + "-aaaaaaaa");
  EXPECT_EQ(judge(answer, gpu("cuda:0", kFirst), "4.2.1").label,
            "cuda-nvidia_geforce_rtx_3090-aaaaaaaa");
}

TEST(SelfTest, NoiseOfAnotherSeedPasses) {
  auto answer = known_answer();
  for (std::size_t i = 0; i < answer.means.size(); ++i)
    answer.means[i] += i % 2 == 0 ? 0.0012 : -0.0012;
  answer.means[17] += 0.015;
  EXPECT_EQ(judge(answer, kCpu, "3.4.1").trouble, "");
}

TEST(SelfTest, AWrongPictureIsTold) {
  const auto wrong = [](const std::function<void(std::vector<double>&)>& spoil) {
    auto answer = known_answer();
    spoil(answer.means);
    return judge(answer, kCpu, "3.4.1").trouble;
  };
  EXPECT_TRUE(wrong([](auto& means) { means.assign(means.size(), 0.0); }).contains("is wrong"));
  EXPECT_NE(wrong([](auto& means) { means[100] += 0.06; }), "") << "one block of one colour";
  EXPECT_NE(wrong([](auto& means) {
              for (auto& mean : means) mean *= 0.97;
            }),
            "")
      << "a little too dark everywhere";
  EXPECT_NE(wrong([](auto& means) { means[5] = NAN; }), "");
  EXPECT_NE(wrong([](auto& means) { means[5] = -1; }), "");
  EXPECT_NE(wrong([](auto& means) { means.pop_back(); }), "");
}

CheckedDevice checked(Device device, const std::string& trouble = "") {
  CheckedDevice out{std::move(device), {}, {}};
  out.test.label = device_label(out.device);
  out.test.trouble = trouble;
  return out;
}

TEST(SlotPlan, GpusHaveOneSlotAndOneCoreEach) {
  const SlotSupply supply{2, 0, 0, 16, 64ULL << 30};
  const auto slots = plan_slots({checked(kCpu), checked(gpu("cuda:0", kFirst, 24ULL << 30)),
                                 checked(gpu("cuda:1", kSecond, 8ULL << 30))},
                                supply);
  ASSERT_EQ(slots.size(), 4U);
  EXPECT_EQ(slots[0].threads, 7U) << "(16 - 2) / 2";
  EXPECT_EQ(slots[1].threads, 7U);
  EXPECT_EQ(slots[2].threads, 1U);
  EXPECT_EQ(slots[0].memory_bytes, 16ULL << 30);
  EXPECT_EQ(slots[2].scene_bytes, 16ULL << 30) << "the machine's share is less than the card's";
  EXPECT_EQ(slots[3].scene_bytes, 8ULL << 30) << "the card's own";
}

TEST(SlotPlan, GpusAloneShareTheCores) {
  const auto slots = plan_slots({checked(gpu("cuda:0", kFirst)), checked(gpu("cuda:1", kSecond))},
                                {1, 0, 0, 16, 1 << 30});
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].threads, 8U);
  EXPECT_EQ(slots[0].scene_bytes, 0U) << "nobody tells the card's memory";
}

TEST(SlotPlan, AFewCoresAreEnough) {
  const auto slots = plan_slots({checked(kCpu), checked(gpu("cuda:0", kFirst))}, {4, 0, 0, 1, 0});
  for (const auto& slot : slots) EXPECT_EQ(slot.threads, 1U);
}

TEST(SlotPlan, WhatFailedHasNone) {
  const std::vector<CheckedDevice> devices{checked(kCpu),
                                           checked(gpu("cuda:0", kFirst), "the picture is wrong")};
  const auto slots = plan_slots(devices, {1, 0, 0, 4, 1 << 30});
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_EQ(slots[0].threads, 4U);
  EXPECT_EQ(no_device(devices), "");
  const std::vector<CheckedDevice> none{devices[1]};
  EXPECT_TRUE(plan_slots(none, {1, 0, 0, 4, 1 << 30}).empty());
  EXPECT_TRUE(no_device(none).contains("cuda:0: the picture is wrong")) << no_device(none);
}

TEST(Workforce, TheFarmIsToldOfEachDeviceAndOfWhatIsLeftOut) {
  Probe probe;
  probe.family = "blender-4_2";
  probe.can.engines = {wire::Engine::cycles, wire::Engine::eevee};
  probe.can.memory_bytes = 64ULL << 30;
  const std::vector<CheckedDevice> devices{checked(kCpu),
                                           checked(gpu("cuda:0", kFirst, 8ULL << 30)),
                                           checked(gpu("cuda:1", kSecond), "the picture is wrong")};
  const auto slots = plan_slots(devices, {1, 0, 0, 8, 64ULL << 30});
  const auto can = capabilities_of(probe, devices, slots);
  EXPECT_EQ(can.render_class, "blender-4_2-" + device_label(kCpu));
  EXPECT_EQ(can.memory_bytes, 8ULL << 30) << "for a dispatcher that looks no further";
  ASSERT_EQ(can.devices.size(), 3U);
  EXPECT_EQ(can.devices[0]->slots, std::vector<std::uint32_t>{0});
  EXPECT_EQ(can.devices[0]->memory_bytes, 32ULL << 30);
  EXPECT_EQ(can.devices[0]->engines.size(), 2U);
  EXPECT_EQ(can.devices[1]->render_class, "blender-4_2-cuda-nvidia_geforce_rtx_3090");
  EXPECT_EQ(can.devices[1]->engines, std::vector{wire::Engine::cycles});
  EXPECT_EQ(can.devices[1]->memory_bytes, 8ULL << 30);
  EXPECT_TRUE(can.devices[2]->slots.empty());
  EXPECT_EQ(can.devices[2]->trouble, "the picture is wrong");
}

}  // namespace
}  // namespace worldshare::agent
