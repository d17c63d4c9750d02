#include <CLI/CLI.hpp>
#include <cstdio>

#include "shared/exit_code.h"
#include "shared/log.h"
#include "shared/signals.h"
#include "verifier/bench.h"
#include "verifier/compare.h"
#include "verifier/service.h"
#include "verifier/soak.h"

int main(int argc, char** argv) {
  namespace verifier = worldshare::verifier;
  worldshare::StopOnSignal stop;
  verifier::Config config;
  std::filesystem::path config_file;
  std::string level;
  CLI::App app("WorldShare verifier: compares the replicas of a frame and decides which is true");
  app.set_version_flag("--version", WORLDSHARE_VERSION);
  app.add_option("--config", config_file, "YAML file; docs/operations.md lists the keys");
  app.add_option("--log-level", level, "trace, debug, info, warn, err");
  bool bench = false;
  verifier::BenchOptions bench_options;
  app.add_flag("--bench", bench, "measure how fast pictures are compared on this machine, and end");
  verifier::SoakOptions soak;
  app.add_option("--soak", soak.files,
                 "feed the images of this folder and damaged copies, watch the memory, and end")
      ->check(CLI::ExistingDirectory);
  app.add_option("--soak-seconds", soak.seconds, "how long")->check(CLI::Range(1.0, 1e6));
  app.add_option("--bench-seconds", bench_options.seconds, "of each of the two runs")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--bench-threads", bench_options.threads,
                 "or of --soak; 0: one for each processor")
      ->check(CLI::Range(0, 1024));
  app.add_option("--metrics", config.backends.metrics, "auto, cpu, cuda or opencv_cuda");
  verifier::CompareOptions compare;
  bool compare_only = false;
  app.add_flag("--compare", compare_only,
               "compare the pictures and end: 0 equal, 1 within tolerance, 2 "
               "beyond it, 3 of different shape, 4 not read");
  app.add_option("pictures", compare.files, "with --compare: 2 to 5 PNG, OpenEXR or JPEG files");
  app.add_option("--psnr", compare.tolerance.psnr_db, "with --compare: tolerance in dB");
  app.add_option("--ssim", compare.tolerance.ssim, "with --compare: tolerance");
  app.add_option("--worst-block", compare.tolerance.worst_block_psnr_db,
                 "with --compare: tolerance of the worst block of 32x32 pixels, in dB");
  app.add_flag_callback(
      "--same-class", [&] { compare.tolerance = verifier::Tolerances{}.same_class; },
      "with --compare: the tolerance of one render class");
  app.add_option("--heat-map", compare.heat_maps, "with --compare: draw the differences here");
  app.add_flag("--json", compare.json, "with --compare: print JSON");
  CLI11_PARSE(app, argc, argv);
  if (compare_only) return verifier::run_compare(compare, *verifier::make_cpu_metrics({}));

  const auto fields = config.fields();
  worldshare::Result<> loaded;
  if (!config_file.empty()) loaded = fields.load(config_file);
  if (!level.empty()) config.log_level = level;
  worldshare::init_log("verifier", config.log_level);
  if (bench)
    return worldshare::exit_code(loaded ? verifier::run_bench(bench_options, config.backends)
                                        : loaded);
  soak.threads = bench_options.threads;
  if (!soak.files.empty())
    return worldshare::exit_code(loaded ? verifier::run_soak(soak, config.backends) : loaded);
  if (loaded) loaded = config.check();
  if (!loaded) return worldshare::exit_code(loaded);
  std::fprintf(stderr, "%s", fields.describe().c_str());
  const auto outcome = verifier::serve(config, stop.token());
  if (!outcome && stop.token().stop_requested()) return 0;
  return worldshare::exit_code(outcome);
}
