#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/decode.h"
#include "verifier/image/same_payload.h"

// decode_bench ROUNDS FILE..: decode() beside cv::imdecode on one thread, in turns, medians of the
// thread's processor time in ms; then what the checks cost alone.

namespace {

using worldshare::Bytes;
using worldshare::ByteView;
double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double time_ms(const std::function<void()>& work) {
  const double begin = processor_ms();
  work();
  return processor_ms() - begin;
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

/// The same memory for every picture, as the slabs of a device are.
class Slab : public worldshare::verifier::PictureMemory {
 public:
  std::shared_ptr<std::byte> take(std::size_t bytes) override {
    if (bytes > bytes_) memory_ = worldshare::verifier::HeapMemory().take(bytes);
    bytes_ = std::max(bytes, bytes_);
    return memory_;
  }

 private:
  std::shared_ptr<std::byte> memory_;
  std::size_t bytes_ = 0;
};

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
  Slab slab;
  const auto ms =
      medians(rounds, {[&] { (void)worldshare::verifier::decode(*file, limits); },
                       [&] { (void)worldshare::verifier::decode(*file, limits, &slab); },
                       [&] { (void)cv::imdecode(*file, cv::IMREAD_UNCHANGED); },
                       [&] { (void)image::check_canonical(*file); },
                       [&] { (void)crc32_z(0, file->data(), file->size()); },
                       [&] {
                         if (!has_structure(limits.format)) return;
                         (void)worldshare::verifier::check_structure(*file, limits);
                       },
                       [&] { (void)worldshare::verifier::check_decodes(*file, limits); },
                       [&] { (void)worldshare::sha256(*file); }});
  fmt::print("{:<12} {:6.2f}", name.substr(name.rfind('/') + 1),
             static_cast<double>(file->size()) / 1e6);
  for (const double value : ms) fmt::print(" {:9.2f}", value);
  fmt::print("   {:.2f} {:.2f}\n", ms[2] / ms[0], ms[2] / ms[1]);
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
  fmt::print(
      "{:<12} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}   OpenCV / decode, / slab\n",
      "file", "MB", "decode", "to slab", "OpenCV", "canonical", "zlib crc", "structure", "proof",
      "SHA-256");
  for (int i = 2; i < argc; ++i) {
    if (const auto ok = bench(argv[i], std::atoi(argv[1])); !ok) {
      fmt::print(stderr, "{}: {}\n", argv[i], ok.error().message);
      return 1;
    }
  }
  return 0;
}
