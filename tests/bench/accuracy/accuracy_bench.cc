#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <random>

#include "tests/support/random_replicas.h"
#include "tests/support/reference_lpips.h"
#include "tests/support/reference_metrics.h"
#include "verifier/backends.h"

// accuracy_bench PAIRS MODELS [BACKEND]: the backends that the verifier would choose here, held to
// the definitions in double precision on random pictures. Prints one JSON object with the largest
// differences; LPIPS is null without models.

namespace {

using worldshare::verifier::Backends;
using worldshare::verifier::Depth;
using worldshare::verifier::Net;
using worldshare::verifier::Picture;
using worldshare::verifier::Shape;
namespace testing = worldshare::testing;
namespace verifier = worldshare::verifier;

/// Pictures of a side below this have no LPIPS; larger ones take the reference too long.
constexpr std::uint32_t kLeastSide = 31;
constexpr std::uint32_t kGreatestSide = 96;

double ssim_error(verifier::Metrics& metrics, int pairs) {
  std::mt19937 random(1);
  double out = 0;
  for (int i = 0; i < pairs; ++i) {
    const auto kind = static_cast<testing::Kind>(static_cast<std::size_t>(i) % testing::kKinds);
    const auto replicas = testing::random_replicas(testing::random_shape(random), kind, 2, random);
    const auto measured = metrics.measure(replicas);
    if (!measured) return HUGE_VAL;
    const auto expected = testing::reference_metrics(replicas[0], replicas[1], {});
    out = std::max(out, std::abs(measured->front().ssim - expected.ssim));
  }
  return out;
}

std::optional<double> lpips_error(verifier::LpipsOnDemand& lpips,
                                  const std::filesystem::path& models,
                                  int pairs) {
  const auto network = verifier::load_network(models, Net::kAlex);
  if (!network) return std::nullopt;
  std::mt19937 random(2);
  const auto side = [&] {
    return kLeastSide + static_cast<std::uint32_t>(random()) % (kGreatestSide - kLeastSide);
  };
  double out = 0;
  for (int i = 0; i < pairs; ++i) {
    const Shape shape{side(), side(), 3, static_cast<Depth>(i % 4)};
    const auto seed = static_cast<unsigned>(random());
    const double noise = 0.002 * (1 << (i % 8));
    const Picture a = verifier::testing::random_picture(shape, seed, 1, noise);
    const Picture b = verifier::testing::random_picture(shape, seed, 2, noise);
    const auto distance = lpips.distance(a, b);
    if (!distance) return std::nullopt;
    out = std::max(out, std::abs(*distance - verifier::testing::reference_lpips(*network, a, b)));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: accuracy_bench PAIRS MODELS [BACKEND]\n", stderr);
    return 2;
  }
  verifier::BackendOptions options;
  options.lpips_models_directory = argv[2];
  if (argc > 3) options.metrics = argv[3];
  const int pairs = std::max(1, std::atoi(argv[1]));
  const auto backends = verifier::open_backends(options);
  if (!backends) {
    fmt::print(stderr, "{}\n", backends.error().message);
    return 1;
  }
  const double ssim = ssim_error(*backends->metrics, pairs);
  const auto lpips = lpips_error(*backends->lpips, options.lpips_models_directory, pairs / 8 + 1);
  fmt::print("{{\"backend\": \"{}\", \"ssim_max_abs_error\": {}, \"lpips_max_abs_error\": {}}}\n",
             backends->metrics->name(), ssim, lpips ? fmt::format("{}", *lpips) : "null");
  return 0;
}
