#include "agents/devices/device_choice.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace worldshare::agent {
namespace {

constexpr const char* kAuto = "auto";
constexpr std::array kGpuTypes{"cuda", "optix", "hip", "oneapi", "metal"};

bool is_device_id(const std::string& wish) {
  if (wish == "cpu") return true;
  const auto colon = wish.find(':');
  if (colon == std::string::npos) return false;
  const std::string number = wish.substr(colon + 1);
  return std::ranges::find(kGpuTypes, wish.substr(0, colon)) != kGpuTypes.end() &&
         !number.empty() && number.size() < 4 &&
         std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// What of two devices is the same when they are one card.
std::string card_of(const Device& device) {
  return device.pci.empty() ? device.type + device.cycles_id : device.pci;
}

std::string names_of(const std::vector<Device>& found) {
  std::string out;
  for (const auto& device : found)
    out += (out.empty() ? "" : ", ") + device.id + " (" + device.name + ")";
  return out;
}

const Device* same_card(const std::vector<Device>& devices, const Device& device) {
  const auto found = std::ranges::find(devices, card_of(device), &card_of);
  return found == devices.end() ? nullptr : &*found;
}

}  // namespace

Result<> check_device_wishes(const std::vector<std::string>& wishes) {
  if (wishes.empty())
    return fail(Errc::kInvalid, "agent.devices is empty; auto takes what there is");
  for (const auto& wish : wishes) {
    if (wish == kAuto && wishes.size() == 1) return {};
    if (wish == kAuto) return fail(Errc::kInvalid, "agent.devices: auto stands alone");
    if (!is_device_id(wish)) {
      return fail(Errc::kInvalid, "agent.devices: " + wish +
                                      " is no device; known are auto, cpu, cuda:N, optix:N, hip:N, "
                                      "oneapi:N and metal:N");
    }
    if (std::ranges::count(wishes, wish) > 1)
      return fail(Errc::kInvalid, "agent.devices: " + wish + " is there twice");
  }
  return {};
}

Result<std::vector<Device>> choose_devices(const std::vector<std::string>& wishes,
                                           const std::vector<Device>& found) {
  if (auto ok = check_device_wishes(wishes); !ok) return std::unexpected(ok.error());
  std::vector<Device> out;
  if (wishes.front() == kAuto) {
    for (const auto& device : found) {
      if (same_card(out, device) == nullptr) out.push_back(device);
    }
    return out;
  }
  for (const auto& wish : wishes) {
    const auto device = std::ranges::find(found, wish, &Device::id);
    if (device == found.end()) {
      return fail(Errc::kInvalid, "agent.devices: there is no " + wish + "; this Blender finds " +
                                      names_of(found) + ". `worldshare-agent doctor` tells more");
    }
    if (const Device* other = same_card(out, *device)) {
      return fail(Errc::kInvalid, "agent.devices: " + other->id + " and " + wish +
                                      " are the same card (" + device->name + ")");
    }
    out.push_back(*device);
  }
  return out;
}

}  // namespace worldshare::agent
