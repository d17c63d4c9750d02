#include "cli/analysis.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "shared/crypto.h"
#include "shared/messages/manifest.h"
#include "shared/process.h"
#include "shared/scene/blend_file.h"

namespace worldshare::cli {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t number(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::vector<std::string> texts(const json::object& object, const char* key) {
  std::vector<std::string> out;
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& item : value->as_array()) {
    if (item.is_string()) out.emplace_back(item.as_string());
  }
  return out;
}

Analysis read(const json::object& object) {
  Analysis out;
  out.blender = text(object, "blender");
  out.engine = text(object, "engine");
  out.format = text(object, "format");
  out.file_version = text(object, "file_version");
  out.width = static_cast<std::uint32_t>(number(object, "width"));
  out.height = static_cast<std::uint32_t>(number(object, "height"));
  out.frame_start = static_cast<std::int32_t>(number(object, "frame_start"));
  out.frame_end = static_cast<std::int32_t>(number(object, "frame_end"));
  out.samples = static_cast<std::uint32_t>(std::max<std::int64_t>(0, number(object, "samples")));
  const auto* adaptive = object.if_contains("adaptive");
  out.adaptive = adaptive != nullptr && adaptive->is_bool() && adaptive->as_bool();
  out.whole_frames = texts(object, "whole_frames");
  out.features = texts(object, "features");
  out.blender_features = texts(object, "blender_features");
  if (const auto* problems = object.if_contains("problems");
      problems != nullptr && problems->is_array()) {
    for (const auto& entry : problems->as_array()) {
      if (!entry.is_object()) continue;
      const auto& problem = entry.as_object();
      const auto* fatal = problem.if_contains("fatal");
      out.problems.push_back({text(problem, "code"), text(problem, "message"),
                              text(problem, "remedy"),
                              fatal != nullptr && fatal->is_bool() && fatal->as_bool()});
    }
  }
  return out;
}

std::string explain(const std::vector<SceneProblem>& problems) {
  std::string out;
  for (const auto& problem : problems) {
    if (problem.fatal)
      out += "\n  - " + problem.message + (problem.remedy.empty() ? "" : "\n    " + problem.remedy);
  }
  return out;
}

Result<std::string> output_of(Process& process) {
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(process.output_fd(), buffer, sizeof buffer)) > 0;) {
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > (4U << 20)) return fail(Errc::kCorrupt, "the analysis talks too much");
  }
  return out;
}

std::unique_ptr<wire::ShardingT> sharding_of(const Analysis& analysis) {
  auto out = std::make_unique<wire::ShardingT>();
  out->samples = analysis.samples;
  out->adaptive = analysis.adaptive;
  for (const auto& reason : analysis.whole_frames) {
    out->whole_frames.push_back(messages::clean_text(reason, 200));
  }
  return out;
}

}  // namespace

Result<Analysis> analyse(const std::filesystem::path& agent_program,
                         const std::filesystem::path& scene,
                         const std::filesystem::path& blender) {
  // Without Blender first: it tells a truncated file from a picture in a millisecond.
  if (auto file = scene::check_blend_file(scene, std::uint64_t{64} << 30); !file)
    return std::unexpected(file.error());
  ProcessOptions options;
  options.argv = {agent_program.string(), "--analyse", scene.string(), "--blender",
                  blender.string()};
  options.pipe_output = true;
  auto process = Process::spawn(options);
  if (!process) return std::unexpected(process.error());
  auto output = output_of(*process);
  if (!output) return std::unexpected(output.error());
  (void)process->wait(std::chrono::seconds(10));
  // The object is the last line; Blender's libraries may chat before it.
  const auto end = output->find_last_not_of('\n');
  const auto begin = end == std::string::npos ? end : output->rfind('\n', end);
  const std::string line = output->substr(begin == std::string::npos ? 0 : begin + 1);
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  if (error || !value.is_object()) {
    return fail(Errc::kUnavailable,
                "the scene could not be analysed: " + messages::clean_text(*output, 500));
  }
  Analysis analysis = read(value.as_object());
  if (analysis.width == 0 || analysis.height == 0) {
    return fail(Errc::kInvalid,
                scene.string() + " cannot be rendered:" + explain(analysis.problems));
  }
  return analysis;
}

Result<FrameChoice> parse_frames(const std::string& text) {
  const auto bad = [&] {
    return fail(Errc::kInvalid,
                "--frames: '" + text +
                    "' is not a frame (7), a range (1-250) or a range with a step (1-250x5)");
  };
  FrameChoice choice;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  const auto take = [&](std::int32_t& out) {
    const auto [next, error] = std::from_chars(at, end, out);
    at = next;
    return error == std::errc();
  };
  if (!take(choice.first)) return bad();
  choice.last = choice.first;
  if (at != end && *at == '-') {
    ++at;
    if (!take(choice.last)) return bad();
  }
  if (at != end && *at == 'x') {
    ++at;
    if (!take(choice.step)) return bad();
  }
  if (at != end) return bad();
  return choice;
}

Result<wire::ManifestT> make_manifest(const std::filesystem::path& scene,
                                      const Analysis& analysis,
                                      const FrameChoice& frames,
                                      unsigned replicas,
                                      unsigned max_replicas) {
  if (const std::string fatal = explain(analysis.problems); !fatal.empty()) {
    return fail(Errc::kInvalid, scene.string() + " cannot be rendered by volunteers:" + fatal);
  }
  const auto digest = sha256_file(scene);
  if (!digest) return std::unexpected(digest.error());
  wire::ManifestT manifest;
  manifest.title = messages::clean_text(scene.filename().string(), 200);
  manifest.scene = std::make_unique<wire::SceneRefT>();
  manifest.scene->sha256 = to_hex(*digest);
  manifest.scene->size_bytes = std::filesystem::file_size(scene);
  manifest.scene->name = messages::clean_text(scene.filename().string(), 255);
  manifest.frames = std::make_unique<wire::FrameRangeT>();
  manifest.frames->first = frames.first;
  manifest.frames->last = frames.last;
  manifest.frames->step = frames.step;
  manifest.output = std::make_unique<wire::OutputT>();
  manifest.output->width = analysis.width;
  manifest.output->height = analysis.height;
  manifest.output->format = analysis.format == "jpeg"  ? wire::ImageFormat::jpeg
                            : analysis.format == "exr" ? wire::ImageFormat::exr
                                                       : wire::ImageFormat::png;
  manifest.requirements = std::make_unique<wire::RequirementsT>();
  manifest.requirements->engine = analysis.engine == "workbench" ? wire::Engine::workbench
                                  : analysis.engine == "eevee"   ? wire::Engine::eevee
                                                                 : wire::Engine::cycles;
  manifest.requirements->blender = analysis.file_version;
  manifest.requirements->features = analysis.features;
  manifest.policy = std::make_unique<wire::PolicyT>();
  manifest.policy->replicas = static_cast<std::uint8_t>(replicas);
  manifest.policy->max_replicas = static_cast<std::uint8_t>(max_replicas);
  manifest.sharding = sharding_of(analysis);
  if (auto ok = messages::check(manifest); !ok) return std::unexpected(ok.error());
  return manifest;
}

}  // namespace worldshare::cli
