#include "verifier/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "shared/files.h"
#include "verifier/image/foreign_picture.h"
#include "verifier/image/png_file.h"
#include "verifier/metrics/heat_map.h"

namespace worldshare::verifier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLimitBytes = 1ULL << 30;
constexpr std::uint64_t kPictureLimitBytes = 2ULL << 30;

std::unexpected<Error> of_file(const fs::path& file, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", file.string(), error.message));
}

Result<Picture> load(const fs::path& file) {
  const auto text = read_file(file, kFileLimitBytes);
  if (!text) return std::unexpected(text.error());
  auto picture = foreign_picture(as_bytes(*text), kPictureLimitBytes);
  if (!picture) return of_file(file, picture.error());
  return picture;
}

Result<std::vector<Picture>> load_all(const std::vector<fs::path>& files) {
  std::vector<Picture> out;
  for (const fs::path& file : files) {
    auto picture = load(file);
    if (!picture) return std::unexpected(picture.error());
    out.push_back(std::move(*picture));
  }
  return out;
}

bool one_shape(const std::vector<Picture>& pictures) {
  return std::ranges::all_of(pictures,
                             [&](const Picture& p) { return p.shape() == pictures[0].shape(); });
}

Result<> draw(const fs::path& folder, const FilePair& pair, const std::vector<Picture>& pictures) {
  const auto map = heat_map(pictures[pair.a], pictures[pair.b]);
  if (!map) return std::unexpected(map.error());
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::kInvalid, folder.string() + ": " + error.message());
  const Bytes file = png_file(*map);
  return write_file_atomically(folder / fmt::format("pair-{}-{}.png", pair.a + 1, pair.b + 1),
                               {reinterpret_cast<const char*>(file.data()), file.size()});
}

std::string decibels(double value) {
  return std::isinf(value) ? "inf" : fmt::format("{:.2f}", value);
}

std::string_view word(const FilePair& pair) {
  if (pair.same_pixels) return "equal";
  return pair.agree ? "within" : "differ";
}

std::string worst_place(const PairMetrics& metrics) {
  if (std::isinf(metrics.worst_block_psnr_db)) return "";
  return fmt::format("at {},{}", metrics.worst_block_x * kOutlierBlock,
                     metrics.worst_block_y * kOutlierBlock);
}

boost::json::value number(double value) {
  return std::isfinite(value) ? boost::json::value(value) : boost::json::value(nullptr);
}

boost::json::object to_json(const FilePair& pair) {
  const PairMetrics& m = pair.metrics;
  boost::json::object out{{"a", pair.a},
                          {"b", pair.b},
                          {"verdict", word(pair)},
                          {"psnr_db", number(m.psnr_db)},
                          {"ssim", m.ssim},
                          {"noise_ratio", m.noise_ratio},
                          {"low_pass_psnr_db", number(m.low_pass_psnr_db)},
                          {"worst_block_psnr_db", number(m.worst_block_psnr_db)},
                          {"worst_block_x", m.worst_block_x * kOutlierBlock},
                          {"worst_block_y", m.worst_block_y * kOutlierBlock},
                          {"non_finite_mismatches", m.non_finite_mismatches}};
  if (m.alpha_psnr_db) out["alpha_psnr_db"] = number(*m.alpha_psnr_db);
  return out;
}

}  // namespace

Result<FileComparison> compare_files(const CompareOptions& options, Metrics& metrics) {
  const auto pictures = load_all(options.files);
  if (!pictures) return std::unexpected(pictures.error());
  const auto measured = metrics.measure(*pictures);
  if (!measured && !one_shape(*pictures)) return fail(Errc::kConflict, measured.error().message);
  if (!measured) return std::unexpected(measured.error());
  FileComparison out;
  for (const fs::path& file : options.files) out.files.push_back(file.string());
  for (std::size_t a = 0; a < pictures->size(); ++a) {
    for (std::size_t b = a + 1; b < pictures->size(); ++b) {
      const PairMetrics& pair = (*measured)[pair_index(a, b, pictures->size())];
      const bool same = same_pixels((*pictures)[a], (*pictures)[b]);
      out.pairs.push_back({a, b, same, same || agrees(pair, options.tolerance), pair});
      if (same || options.heat_maps.empty()) continue;
      if (auto ok = draw(options.heat_maps, out.pairs.back(), *pictures); !ok) {
        return std::unexpected(ok.error());
      }
    }
  }
  return out;
}

int compare_exit_code(const Result<FileComparison>& outcome) {
  if (!outcome) {
    return outcome.error().code == Errc::kConflict ? kCompareIncomparable : kCompareFailed;
  }
  if (!std::ranges::all_of(outcome->pairs, &FilePair::agree)) return kCompareDiffer;
  const bool equal = std::ranges::all_of(outcome->pairs, &FilePair::same_pixels);
  return equal ? kCompareEqual : kCompareWithin;
}

std::string compare_table(const FileComparison& comparison) {
  std::string out;
  for (std::size_t i = 0; i < comparison.files.size(); ++i) {
    out += fmt::format("{}: {}\n", i + 1, comparison.files[i]);
  }
  out += fmt::format("{:>5} {:>9} {:>9} {:>9} {:>9} {:>12} {:>8} {:<12} {}\n", "pair", "PSNR dB",
                     "alpha dB", "SSIM", "noise", "low-pass dB", "worst dB", "", "");
  for (const FilePair& pair : comparison.pairs) {
    const PairMetrics& m = pair.metrics;
    out += fmt::format("{:>5} {:>9} {:>9} {:>9.6f} {:>+9.4f} {:>12} {:>8} {:<12} {}\n",
                       fmt::format("{}-{}", pair.a + 1, pair.b + 1), decibels(m.psnr_db),
                       m.alpha_psnr_db ? decibels(*m.alpha_psnr_db) : "-", m.ssim, m.noise_ratio,
                       decibels(m.low_pass_psnr_db), decibels(m.worst_block_psnr_db),
                       worst_place(m), word(pair));
  }
  return out;
}

std::string compare_json(const FileComparison& comparison) {
  boost::json::object out;
  out["files"] = boost::json::value_from(comparison.files);
  boost::json::array& pairs = out["pairs"].emplace_array();
  for (const FilePair& pair : comparison.pairs) pairs.push_back(to_json(pair));
  return boost::json::serialize(out) + "\n";
}

int run_compare(const CompareOptions& options, Metrics& metrics) {
  const auto outcome = compare_files(options, metrics);
  if (outcome) {
    fmt::print("{}", options.json ? compare_json(*outcome) : compare_table(*outcome));
  } else {
    fmt::print(stderr, "worldshare-verifier: {}\n", outcome.error().message);
  }
  return compare_exit_code(outcome);
}

}  // namespace worldshare::verifier
