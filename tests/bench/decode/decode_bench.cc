#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/decode.h"
#include "verifier/image/pixel_identity.h"

// decode_bench ROUNDS FILE..: decode() beside cv::imdecode on one thread, in turns, medians in ms;
// then what the checks cost alone.

namespace {

using worldshare::Bytes;
using worldshare::ByteView;
using Clock = std::chrono::steady_clock;

double time_ms(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Medians of all the works, done in turns so that a busy moment hits them alike.
std::vector<double> medians(int rounds, const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> times(works.size());
  for (int round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const double ms = time_ms(works[i]);
      if (round > 0) times[i].push_back(ms);  // the first one warms up
    }
  }
  std::vector<double> out;
  for (auto& each : times) out.push_back(median(std::move(each)));
  return out;
}

worldshare::Result<> bench(const std::string& name, int rounds) {
  namespace image = worldshare::image;
  const auto text = worldshare::read_file(name, 1U << 30);
  if (!text) return std::unexpected(text.error());
  const auto file = image::canonical(worldshare::as_bytes(*text));
  if (!file) return std::unexpected(file.error());
  const auto header = image::read_header(*file);
  if (!header) return std::unexpected(header.error());
  const worldshare::verifier::ImageLimits limits{header->format, header->width, header->height};
  if (const auto once = worldshare::verifier::decode(*file, limits); !once) {
    return std::unexpected(once.error());
  }
  const auto ms = medians(rounds, {[&] { (void)worldshare::verifier::decode(*file, limits); },
                                   [&] { (void)cv::imdecode(*file, cv::IMREAD_UNCHANGED); },
                                   [&] { (void)image::check_canonical(*file); },
                                   [&] { (void)crc32_z(0, file->data(), file->size()); },
                                   [&] { (void)worldshare::verifier::pixel_identity(*file); },
                                   [&] { (void)worldshare::sha256(*file); }});
  fmt::print("{:<24} {:8.2f} {:8.2f} {:8.2f} {:6.2f} {:9.2f} {:9.2f} {:9.2f} {:9.2f}\n",
             name.substr(name.rfind('/') + 1), static_cast<double>(file->size()) / 1e6, ms[0],
             ms[1], ms[1] / ms[0], ms[2], ms[3], ms[4], ms[5]);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: decode_bench ROUNDS FILE..\n", stderr);
    return 2;
  }
  setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1);
  cv::setNumThreads(1);
  fmt::print("{:<24} {:>8} {:>8} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9}\n", "file", "MB", "decode",
             "OpenCV", "ratio", "canonical", "zlib crc", "identity", "SHA-256");
  for (int i = 2; i < argc; ++i) {
    if (const auto ok = bench(argv[i], std::atoi(argv[1])); !ok) {
      fmt::print(stderr, "{}: {}\n", argv[i], ok.error().message);
      return 1;
    }
  }
  return 0;
}
