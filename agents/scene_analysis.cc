#include "agents/scene_analysis.h"

#include <boost/json.hpp>

#include "agents/blender/blender_process.h"
#include "shared/scene/blend_file.h"

namespace worldshare::agent {
namespace {

constexpr std::chrono::minutes kAnalysisTime{10};

SceneAnalysis problem(const std::string& code,
                      const std::string& message,
                      const std::string& remedy) {
  const boost::json::object entry{
      {"code", code}, {"message", message}, {"remedy", remedy}, {"fatal", true}};
  return {false, boost::json::serialize(boost::json::object{{"problems", {entry}}})};
}

std::string container_code(Errc code) {
  switch (code) {
    case Errc::kNotFound: return "file_not_found";
    case Errc::kInvalid: return "not_a_blend";
    case Errc::kDenied: return "too_large";
    default: return "damaged_file";
  }
}

}  // namespace

SceneAnalysis analyse_scene(const std::filesystem::path& blender,
                            const std::filesystem::path& scene,
                            const std::filesystem::path& scratch,
                            std::uint64_t limit_plain_bytes) {
  const auto file = scene::check_blend_file(scene, limit_plain_bytes);
  if (!file) {
    return problem(container_code(file.error().code), file.error().message,
                   "Open the scene in Blender and save it again.");
  }
  BlenderOptions options;
  options.blender = blender;
  options.scratch = scratch;
  const auto line = run_driver_once(options, "analyse", scene, kAnalysisTime);
  if (!line && line.error().code == Errc::kCorrupt) {
    return problem("scene_unreadable", line.error().message,
                   "Open the scene in Blender and save it again.");
  }
  if (!line) {
    return problem("blender_unavailable", line.error().message,
                   "Name a Blender that runs here with --blender.");
  }
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(*line, error);
  boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return problem("blender_unavailable", "unreadable answer: " + *line, "");
  (*object)["size_bytes"] = file->size_bytes;
  (*object)["compression"] = file->compression;
  return {object->contains("engine"), boost::json::serialize(*object)};
}

}  // namespace worldshare::agent
