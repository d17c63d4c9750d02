#pragma once

#include <span>
#include <vector>

namespace worldshare::verifier {

/// Kept from the division by the length of a feature vector: the authors' value.
inline constexpr double kLengthEpsilon = 1e-10;

/// The distances of all pairs at one tap: the mean over its pixels of
/// sum over channels of w (a / (|a| + epsilon) - b / (|b| + epsilon))^2, in double precision.
class TapDistance {
 public:
  TapDistance(std::span<const float> linear, int width, std::size_t replicas);
  /// The same rows of every replica's features: [row][channel][width].
  void add(std::span<const std::span<const float>> rows);
  /// Of each pair (0,1), (0,2), .., (1,2), ..
  std::vector<double> mean() const;

 private:
  void add_row(std::span<const std::span<const float>> row);
  void measure_lengths(std::span<const float> row, std::span<double> scales) const;
  double difference(std::span<const std::span<const float>> row, std::size_t a, std::size_t b);

  std::vector<double> linear_;
  std::size_t width_;
  std::vector<std::vector<double>> scales_;  ///< of each replica, at each pixel of a row
  std::vector<double> scratch_;              ///< of one row
  std::vector<double> sums_;                 ///< of each pair
  double pixels_ = 0;
};

}  // namespace worldshare::verifier
