#include "agents/devices/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "agents/devices/known_picture.h"
#include "shared/files.h"
#include "shared/messages/messages.h"

namespace worldshare::agent {
namespace {

namespace json = boost::json;

// Another seed, as other releases draw other random numbers, moves a block by up to 0.015 and all
// of them by 0.0012 on average (Blender 3.4.1, three seeds).
constexpr double kWorstBlock = 0.05;
constexpr double kMeanBlock = 0.005;
constexpr std::size_t kTagBytes = 8;
constexpr std::size_t kCacheBytes = 64 * 1024;
// It is in every heartbeat.
constexpr std::size_t kTroubleBytes = 400;
constexpr std::chrono::seconds kCpuTime{120};
// A GPU's programs may be compiled first.
constexpr std::chrono::seconds kGpuTime{600};

/// Why the picture is not the known one; empty: it is, but for noise.
std::string difference(const std::vector<double>& means) {
  if (means.size() != kKnownMeans.size()) return "the picture has another size";
  double worst = 0;
  double sum = 0;
  for (std::size_t i = 0; i < means.size(); ++i) {
    const double off = std::abs(means[i] - kKnownMeans[i]);
    worst = std::isfinite(off) ? std::max(worst, off) : INFINITY;
    sum += off;
  }
  const double mean = sum / static_cast<double>(means.size());
  if (worst <= kWorstBlock && mean <= kMeanBlock) return {};
  return fmt::format(
      "the test picture is wrong: a block of it is off by {:.3f} (allowed {}), all by {:.4f} on "
      "average (allowed {})",
      worst, kWorstBlock, mean, kMeanBlock);
}

SelfTest left_out(const Device& device, const std::string& trouble) {
  SelfTest out;
  out.label = device_label(device);
  out.trouble = messages::clean_text(trouble, kTroubleBytes);
  return out;
}

SelfTest read_report(const std::string& line, const Device& device, const std::string& blender) {
  try {
    const json::object report = json::parse(line).as_object();
    if (const auto* error = report.if_contains("error"))
      return left_out(device, json::value_to<std::string>(*error));
    return judge({json::value_to<std::string>(report.at("pixels")),
                  json::value_to<std::vector<double>>(report.at("means")),
                  report.at("seconds").to_number<double>()},
                 device, blender);
  } catch (const std::exception& error) {
    return left_out(device, std::string("Blender's answer is not understood: ") + error.what());
  }
}

/// The label that this key led to; empty: it is not known.
std::string remembered(const std::filesystem::path& file, const std::string& key) {
  const auto text = read_file(file, kCacheBytes);
  if (!text || !text->starts_with(key + "\n")) return {};
  return text->substr(key.size() + 1);
}

}  // namespace

SelfTest judge(const SelfTestAnswer& answer, const Device& device, const std::string& blender) {
  if (auto trouble = difference(answer.means); !trouble.empty()) return left_out(device, trouble);
  SelfTest out;
  out.label = device_label(device);
  out.seconds = answer.seconds;
  if (answer.pixels != known_pixels(blender, out.label))
    out.label += "-" + answer.pixels.substr(0, kTagBytes);
  return out;
}

SelfTest self_test(const BlenderOptions& options,
                   const std::string& blender,
                   const std::filesystem::path& cache_file,
                   const std::string& key) {
  const Device& device = options.device;
  const std::string full_key =
      fmt::format("{} {} {} {}", WORLDSHARE_VERSION, device_label(device), device.cycles_id, key);
  if (auto label = remembered(cache_file, full_key); !label.empty()) {
    SelfTest out;
    out.label = std::move(label);
    out.remembered = true;
    return out;
  }
  const auto time = device.is_cpu() ? kCpuTime : kGpuTime;
  auto line = run_driver_once(options, "self_test", {}, time);
  // One that crashed gets a second try, as a unit does.
  if (!line && line.error().code == Errc::kUnavailable)
    line = run_driver_once(options, "self_test", {}, time);
  if (!line) return left_out(device, line.error().message);
  SelfTest out = read_report(*line, device, blender);
  if (!out.trouble.empty()) return out;
  // A cache that cannot be written only costs the next start a second.
  std::ignore = write_file_atomically(cache_file, full_key + "\n" + out.label);
  return out;
}

}  // namespace worldshare::agent
