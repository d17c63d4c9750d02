#include "verifier/metrics/samples.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace worldshare::verifier {
namespace {

constexpr double kLargestHalf = 65504.0;

double coded(std::uint8_t value) { return value; }
double coded(std::uint16_t value) { return value; }
double coded(float value) {
  if (!std::isfinite(value)) return 0;
  return std::log2(1.0 + std::clamp<double>(value, 0.0, kLargestHalf));
}

template <class T>
void load(const cv::Mat& image, int y, int channel, std::span<double> out) {
  const T* sample = image.ptr<T>(y) + channel;
  const int step = image.channels();
  for (double& value : out) {
    value = coded(*sample);
    sample += step;
  }
}

}  // namespace

cv::Mat view(const Picture& picture) {
  const Shape& shape = picture.shape();
  const int depth = shape.depth == Depth::kU8 ? CV_8U : shape.depth == Depth::kU16 ? CV_16U : CV_32F;
  return {static_cast<int>(shape.height), static_cast<int>(shape.width),
          CV_MAKETYPE(depth, shape.channels), const_cast<std::byte*>(picture.data()),
          shape.stride()};
}

double peak_of(int depth) {
  if (depth == CV_8U) return 255;
  return depth == CV_16U ? 65535 : 1;
}

int colour_channels(int channels) {
  return channels == 2 || channels == 4 ? channels - 1 : channels;
}

void load_row(const cv::Mat& image, int y, int channel, std::span<double> out) {
  switch (image.depth()) {
    case CV_8U: return load<std::uint8_t>(image, y, channel, out);
    case CV_16U: return load<std::uint16_t>(image, y, channel, out);
    default: return load<float>(image, y, channel, out);
  }
}

}  // namespace worldshare::verifier
