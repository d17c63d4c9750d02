#pragma once

#include <span>
#include <string>
#include <vector>

#include "verifier/lpips/lpips.h"

namespace worldshare::verifier::testing {

/// The distance of two pictures, straight from the definition, in double precision: the oracle of
/// the backends.
double reference_lpips(const Network& network, const Picture& a, const Picture& b);

/// Where the models are: $WORLDSHARE_MODELS, else ../shared/models beside the source.
std::filesystem::path models_directory();
/// Why a test that needs the models cannot run, or nothing.
std::string models_missing();

/// What the authors' images are apart, in double precision (images of
/// richzhang/PerceptualSimilarity at 082bb24): ex_ref from ex_p0 and from ex_p1.
struct PublishedDistances {
  double p0 = 0;
  double p1 = 0;
};
PublishedDistances published_distances(Net net);
/// ex_ref, ex_p0, ex_p1 from golden/ beside the models; empty when they are not there.
std::vector<Picture> published_pictures();

/// Random colours in soft shapes with noise: `seed` decides the shapes, `noise_seed` the noise.
Picture random_picture(const Shape& shape, unsigned seed, unsigned noise_seed, double noise);

}  // namespace worldshare::verifier::testing
