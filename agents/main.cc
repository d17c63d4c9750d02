#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "agents/agent.h"
#include "agents/blender/finish.h"
#include "agents/blender/probe.h"
#include "agents/commands/command.h"
#include "agents/home.h"
#include "agents/probe_machine.h"
#include "agents/scene_analysis.h"
#include "agents/scratch.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace {

using namespace worldshare;

struct Flags {
  std::string config;
  std::string home;
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

int init_key(const std::string& path) {
  const NKey key = NKey::generate();
  if (std::filesystem::exists(path)) {
    return agent::complain({Errc::kConflict, path + " exists already"});
  }
  if (auto saved = key.save(path); !saved) return agent::complain(saved.error());
  std::cout << key.public_key() << "\n";
  return 0;
}

int analyse(const agent::Config& config, const std::string& file) {
  const agent::Scratch scratch;
  const auto analysis =
      agent::analyse_scene(config.blender, file, scratch.path, config.scene_plain_bytes);
  std::cout << analysis.json << "\n";
  return analysis.ok ? 0 : 1;
}

int probe(const agent::Config& config) {
  auto probe = agent::probe_machine(config);
  if (!probe) return agent::complain(probe.error());
  std::cout << agent::to_json(*probe) << "\n";
  return 0;
}

/// 2: the same call will fail again.
int finish(const agent::Config& config, const Flags& flags) {
  auto sandbox = agent::Sandbox::open(config.sandbox_of_slots());
  if (!sandbox) return agent::complain(sandbox.error());
  const agent::Scratch scratch;
  agent::BlenderOptions options;
  options.blender = config.blender;
  options.scratch = scratch.path;
  options.sandbox = *sandbox;
  const agent::FinishOrder order{flags.finish, flags.picture, flags.frame, flags.format};
  auto image = agent::finish_frame(options, order, config.artifact_bytes);
  if (image) {
    const std::string_view bytes(reinterpret_cast<const char*>(image->data()), image->size());
    auto written = write_file_atomically(flags.out, bytes);
    return written ? 0 : agent::complain(written.error());
  }
  const Errc code = image.error().code;
  agent::complain(image.error());
  return code == Errc::kInvalid ? 2 : code == Errc::kInternal ? 3 : 1;
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
  app.add_option("--home", flags.home, "where `enroll` put this agent's key and state");
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
  const agent::Command commands[] = {agent::add_enroll(app), agent::add_doctor(app),
                                     agent::add_status(app), agent::add_pause(app),
                                     agent::add_resume(app)};
  CLI11_PARSE(app, argc, argv);
  for (const auto& command : commands) {
    if (command.app->parsed()) return command.run();
  }

  if (!flags.init_key.empty()) return init_key(flags.init_key);
  // What needs no farm needs no enrolment either.
  const bool tool = !flags.analyse.empty() || !flags.finish.empty() || flags.probe;
  agent::Config config;
  if (!tool || !flags.config.empty()) {
    const agent::Home home = flags.home.empty() ? agent::default_home() : agent::Home{flags.home};
    if (auto ok = agent::load_config(config, flags.config, home); !ok)
      return agent::complain(ok.error());
  }
  if (!flags.blender.empty()) config.blender = flags.blender;
  if (!flags.analyse.empty()) return analyse(config, flags.analyse);
  if (!flags.finish.empty()) return finish(config, flags);
  if (flags.probe) return probe(config);
  return serve(config, config.fields().describe());
}
