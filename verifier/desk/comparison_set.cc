#include "verifier/desk/comparison_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "verifier/image/foreign_picture.h"
#include "verifier/image/png_file.h"
#include "verifier/metrics/heat_map.h"

namespace worldshare::verifier {
namespace {

using Pictures = std::map<std::string, Picture>;

Error of_picture(std::size_t place, const Error& error) {
  // What is not there any more does not come back by itself.
  const Errc code = error.code == Errc::kNotFound ? Errc::kInvalid : error.code;
  return {code, fmt::format("picture {}: {}", place, error.message)};
}

Result<Pictures> decode_all(const std::vector<std::string>& artifacts,
                            const ComparisonLimits& limits,
                            const blobs::Store& store) {
  Pictures pictures;
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    if (pictures.contains(artifacts[i])) continue;
    const auto file = store.read(artifacts[i], limits.file_bytes);
    if (!file) return std::unexpected(of_picture(i + 1, file.error()));
    auto picture = foreign_picture(*file, limits.pixel_bytes / artifacts.size());
    if (!picture) return std::unexpected(of_picture(i + 1, picture.error()));
    pictures.emplace(artifacts[i], std::move(*picture));
  }
  return pictures;
}

Result<ComparedPair> compare_pair(const Picture& a,
                                  const Picture& b,
                                  const Tolerance& tolerance,
                                  const ComparisonTools& tools) {
  auto comparison = compare(tools.metrics, a, b, tolerance);
  if (!comparison) return std::unexpected(comparison.error());
  ComparedPair pair{0, 0, *comparison, {}};
  if (comparison->method != Method::kMetrics) return pair;
  if (tools.lpips != nullptr) pair.comparison.lpips = tools.lpips->distance(a, b);
  const auto map = heat_map(a, b);
  if (!map) return std::unexpected(map.error());
  pair.heat_map = png_file(*map);
  return pair;
}

}  // namespace

Result<std::vector<ComparedPair>> compare_all(const std::vector<std::string>& artifacts,
                                              const Tolerance& tolerance,
                                              const ComparisonLimits& limits,
                                              const ComparisonTools& tools) {
  const auto pictures = decode_all(artifacts, limits, tools.store);
  if (!pictures) return std::unexpected(pictures.error());
  std::vector<ComparedPair> pairs;
  for (std::size_t a = 0; a < artifacts.size(); ++a) {
    for (std::size_t b = a + 1; b < artifacts.size(); ++b) {
      Result<ComparedPair> pair = ComparedPair{0, 0, identical(Method::kSameBlob), {}};
      if (artifacts[a] != artifacts[b])
        pair =
            compare_pair(pictures->at(artifacts[a]), pictures->at(artifacts[b]), tolerance, tools);
      if (!pair) return std::unexpected(pair.error());
      pair->a = a + 1;
      pair->b = b + 1;
      pairs.push_back(std::move(*pair));
    }
  }
  return pairs;
}

std::string sentence_of(const std::vector<ComparedPair>& pairs, const Tolerance& tolerance) {
  std::string apart;
  std::size_t equal = 0;
  for (const auto& pair : pairs) {
    const auto& found = pair.comparison;
    equal += found.agree && found.method != Method::kMetrics ? 1 : 0;
    if (found.agree) continue;
    apart += apart.empty() ? "" : ", ";
    apart += fmt::format("{} and {}", pair.a, pair.b);
    if (found.method == Method::kIncomparable) apart += " (of different size, channels or depth)";
    if (found.psnr_db && found.ssim)
      apart += fmt::format(" ({:.1f} dB, SSIM {:.4f})", *found.psnr_db, *found.ssim);
  }
  if (equal == pairs.size()) return "all have the same pixels";
  const std::string limits =
      fmt::format("{:g} dB, SSIM {:g} and {:g} dB in the worst block", tolerance.psnr_db,
                  tolerance.ssim, tolerance.worst_block_psnr_db);
  if (apart.empty()) return "all agree within " + limits;
  return fmt::format("differ beyond {}: {}", limits, apart);
}

}  // namespace worldshare::verifier
