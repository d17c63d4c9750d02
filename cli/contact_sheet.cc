#include "cli/contact_sheet.h"

#include <cmath>
#include <cstdlib>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace worldshare::cli {
namespace {

constexpr int kCellWidth = 320;
constexpr int kGap = 6;

cv::Mat read_cell(const std::filesystem::path& file, int height) {
  const cv::Mat image = cv::imread(file.string(), cv::IMREAD_COLOR);
  if (image.empty()) return {};
  cv::Mat cell;
  const int rows = height > 0 ? height : std::max(1, image.rows * kCellWidth / image.cols);
  cv::resize(image, cell, cv::Size(kCellWidth, rows), 0, 0, cv::INTER_AREA);
  return cell;
}

}  // namespace

Result<> write_contact_sheet(const std::vector<std::filesystem::path>& images,
                             const std::filesystem::path& target) {
  if (images.empty()) return fail(Errc::kInvalid, "no frames for a contact sheet");
  ::setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 0);
  try {
    const int columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(images.size()))));
    const int rows = (static_cast<int>(images.size()) + columns - 1) / columns;
    cv::Mat sheet;
    int height = 0;
    for (int i = 0; i < static_cast<int>(images.size()); ++i) {
      const cv::Mat cell = read_cell(images[static_cast<std::size_t>(i)], height);
      if (cell.empty())
        return fail(Errc::kCorrupt, "cannot read " + images[static_cast<std::size_t>(i)].string());
      if (sheet.empty()) {
        height = cell.rows;
        sheet = cv::Mat(rows * (height + kGap) + kGap, columns * (kCellWidth + kGap) + kGap,
                        CV_8UC3, cv::Scalar(24, 24, 24));
      }
      const cv::Rect place(kGap + i % columns * (kCellWidth + kGap),
                           kGap + i / columns * (height + kGap), kCellWidth, height);
      cell.copyTo(sheet(place));
    }
    if (!cv::imwrite(target.string(), sheet))
      return fail(Errc::kUnavailable, "cannot write " + target.string());
    return {};
  } catch (const cv::Exception& error) {
    return fail(Errc::kUnavailable, "contact sheet: " + std::string(error.what()));
  }
}

}  // namespace worldshare::cli
