#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/result.h"
#include "verifier/consensus/agreement.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

struct CompareOptions {
  std::vector<std::filesystem::path> files;  ///< PNG, OpenEXR or JPEG, 2 to kMaxReplicas
  Tolerance tolerance;
  std::filesystem::path heat_maps;  ///< a folder, made when missing; empty: none are drawn
  bool json = false;
};

/// Exit codes, as OpenImageIO's idiff.
inline constexpr int kCompareEqual = 0;         ///< all pictures have the same pixels
inline constexpr int kCompareWithin = 1;        ///< some differ, within tolerance
inline constexpr int kCompareDiffer = 2;        ///< some differ beyond tolerance
inline constexpr int kCompareIncomparable = 3;  ///< sizes, channels or depths differ
inline constexpr int kCompareFailed = 4;        ///< a file cannot be read, or the like

struct FilePair {
  std::size_t a = 0;  ///< index of the file
  std::size_t b = 0;
  bool same_pixels = false;
  bool agree = false;
  PairMetrics metrics;
};

struct FileComparison {
  std::vector<std::string> files;
  std::vector<FilePair> pairs;
};

/// Compares files for a person; they need not be canonical. Writes pair-<a>-<b>.png (counted from
/// 1) for each pair that differs when heat maps are wanted. kConflict: they differ in size,
/// channels or depth; other errors: a file cannot be read, or is no picture.
Result<FileComparison> compare_files(const CompareOptions& options, Metrics& metrics);

int compare_exit_code(const Result<FileComparison>& outcome);
/// For people, and for programs: one JSON object, null for an infinite PSNR.
std::string compare_table(const FileComparison& comparison);
std::string compare_json(const FileComparison& comparison);

/// compare_files() and what is printed of it; returns the exit code.
int run_compare(const CompareOptions& options, Metrics& metrics);

}  // namespace worldshare::verifier
