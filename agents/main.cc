#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "agents/agent.h"
#include "agents/blender/finish.h"
#include "agents/blender/probe.h"
#include "agents/scene_analysis.h"
#include "shared/files.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace {

using namespace worldshare;

struct Flags {
  std::string config;
  std::string init_key;
  std::string analyse;
  std::string finish;
  std::string picture;
  std::string format = "png";
  std::string out;
  std::int32_t frame = 0;
  std::string blender;
  bool probe = false;
};

int complain(const Error& error) {
  std::cerr << "worldshare-agent: " << error.message << "\n";
  return 1;
}

int init_key(const std::string& path) {
  const NKey key = NKey::generate();
  if (std::filesystem::exists(path)) {
    return complain({Errc::kConflict, path + " exists already"});
  }
  if (auto saved = key.save(path); !saved) return complain(saved.error());
  std::cout << key.public_key() << "\n";
  return 0;
}

/// A scratch folder of this call alone, removed at its end.
struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("worldshare-" + new_id());
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

int analyse(const agent::Config& config, const std::string& file) {
  const Scratch scratch;
  const auto analysis =
      agent::analyse_scene(config.blender, file, scratch.path, config.scene_plain_bytes);
  std::cout << analysis.json << "\n";
  return analysis.ok ? 0 : 1;
}

int probe(const agent::Config& config) {
  const Scratch scratch;
  agent::BlenderOptions options;
  options.blender = config.blender;
  options.scratch = scratch.path;
  auto capabilities = agent::probe(options, scratch.path / "capabilities");
  if (!capabilities) return complain(capabilities.error());
  std::cout << agent::to_json(*capabilities) << "\n";
  return 0;
}

/// 2: the same call will fail again.
int finish(const agent::Config& config, const Flags& flags) {
  auto sandbox = agent::Sandbox::open(config.sandbox_of_slots());
  if (!sandbox) return complain(sandbox.error());
  const Scratch scratch;
  agent::BlenderOptions options;
  options.blender = config.blender;
  options.scratch = scratch.path;
  options.sandbox = *sandbox;
  const agent::FinishOrder order{flags.finish, flags.picture, flags.frame, flags.format};
  auto image = agent::finish_frame(options, order, config.artifact_bytes);
  if (image) {
    const std::string_view bytes(reinterpret_cast<const char*>(image->data()), image->size());
    auto written = write_file_atomically(flags.out, bytes);
    return written ? 0 : complain(written.error());
  }
  const bool hopeless = image.error().code == Errc::kInvalid;
  complain(image.error());
  return hopeless ? 2 : 1;
}

int serve(const agent::Config& config, const std::string& effective) {
  StopOnSignal stop;
  init_log("agent", config.log_level);
  spdlog::info("starting version={}\n{}", WORLDSHARE_VERSION, effective);
  auto agent = agent::Agent::open(config);
  if (!agent) {
    spdlog::error("cannot start reason=\"{}\"", agent.error().message);
    return 1;
  }
  (*agent)->run(stop.token());
  // The Blenders are gone; a download under way must not keep the machine waiting.
  spdlog::default_logger()->flush();
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("WorldShare's agent: renders frames for the farm");
  app.add_option("--config", flags.config, "YAML file")->check(CLI::ExistingFile);
  app.add_option("--init-key", flags.init_key, "make a seed file, print the public key");
  app.add_option("--analyse", flags.analyse, "print what a .blend needs, as JSON");
  auto* finish_option = app.add_option(
      "--finish", flags.finish, "the .blend whose frame is finished from an assembled picture");
  app.add_option("--picture", flags.picture, "with --finish: the assembled float OpenEXR")
      ->needs(finish_option);
  app.add_option("--frame", flags.frame, "with --finish: its number")->needs(finish_option);
  app.add_option("--format", flags.format, "with --finish: png, jpeg or exr")->needs(finish_option);
  app.add_option("--out", flags.out, "with --finish: the image to write")->needs(finish_option);
  app.add_option("--blender", flags.blender, "the Blender to use");
  app.add_flag("--probe", flags.probe, "print what this machine's Blender can do, as JSON");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  CLI11_PARSE(app, argc, argv);

  if (!flags.init_key.empty()) return init_key(flags.init_key);
  agent::Config config;
  const YamlFields fields = config.fields();
  if (!flags.config.empty()) {
    if (auto loaded = fields.load(flags.config); !loaded) return complain(loaded.error());
  }
  if (!flags.blender.empty()) config.blender = flags.blender;
  if (!flags.analyse.empty()) return analyse(config, flags.analyse);
  if (!flags.finish.empty()) return finish(config, flags);
  if (flags.probe) return probe(config);
  return serve(config, fields.describe());
}
