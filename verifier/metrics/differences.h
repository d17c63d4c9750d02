#pragma once

#include <vector>

#include "verifier/metrics/kernels/kernels.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// What decides how precisely SSIM must be computed, in units of the peak.
struct Spread {
  double largest = 0.5;  ///< distance of a coded colour sample from half the peak
  double mse = 0;        ///< of the pair that differs most, over the peak's square
};

/// The first pass over the pictures: all figures but SSIM.
class Differences {
 public:
  Differences(const kernels::Kernels& kernels, const kernels::Replicas& all);

  std::vector<PairMetrics> figures() const;
  Spread spread() const;

 private:
  PairMetrics figures(std::size_t a, std::size_t b) const;
  void fill_blocks(std::size_t pair, PairMetrics& out) const;
  double total(const std::vector<double>& squares, std::size_t pair) const;
  double noise_ratio(std::size_t a, std::size_t b) const;
  double low_pass_psnr(std::size_t pair) const;

  const kernels::Replicas all_;
  kernels::DifferenceSums sums_;
  std::vector<double> squares_;
  std::vector<double> alpha_squares_;
  std::vector<double> haar_;
};

}  // namespace worldshare::verifier
