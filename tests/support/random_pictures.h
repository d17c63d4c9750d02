#pragma once

#include <random>
#include <string>
#include <vector>

#include "verifier/image/picture.h"

namespace worldshare::testing {

/// Samples of any value that the depth has, floats from 0 to 1.
verifier::Picture noise(const verifier::Shape& shape, std::mt19937& random);

/// 2 to 5 renderings of one scene, of random odd sizes from 11 pixels on, RGB or RGBA. `kind` goes
/// through the depths and through what sets them apart: much noise, little noise, hardly any, other
/// brightness, a few samples that are not finite (floats).
std::vector<verifier::Picture> random_pictures(std::mt19937& random, int kind);

std::string describe(const std::vector<verifier::Picture>& pictures);

}  // namespace worldshare::testing
