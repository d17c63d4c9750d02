#pragma once

#include <opencv2/core/mat.hpp>
#include <span>

#include "verifier/image/picture.h"

/// How the metrics read pictures. Private to verifier/metrics.
namespace worldshare::verifier {

/// R of a picture of this depth (CV_8U, CV_16U, CV_32F), see metrics.h.
double peak_of(int depth);

/// The same pixels as OpenCV sees them; valid as long as the picture.
cv::Mat view(const Picture& picture);

/// Channels that hold colour; one more than these is alpha.
int colour_channels(int channels);

/// One channel of row `y` as the metrics compare it; `out` holds one value per pixel. Values of a
/// float picture that are not finite read as 0.
void load_row(const cv::Mat& image, int y, int channel, std::span<double> out);

}  // namespace worldshare::verifier
