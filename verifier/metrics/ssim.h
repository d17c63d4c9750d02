#pragma once

#include <opencv2/core/mat.hpp>

/// Private to verifier/metrics.
namespace worldshare::verifier {

/// SSIM as metrics.h defines it. Both pictures have one shape.
double ssim(const cv::Mat& a, const cv::Mat& b);

}  // namespace worldshare::verifier
