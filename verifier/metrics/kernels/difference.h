#pragma once

#include "verifier/metrics/kernels/rows.h"

namespace worldshare::verifier::kernels {

/// Everything but SSIM over one strip: rows come in once, the running sums of the columns stay in
/// the first-level cache and are added up where a block ends.
template <class Isa>
class Difference {
 public:
  Difference(const Replicas& all, Strip strip, DifferenceSums& sums, DifferenceWorkspace& work)
      : all_(all),
        strip_(strip),
        samples_(std::size_t{strip.pixels} * all.colours),
        has_alpha_(all.channels != all.colours),
        sums_(sums),
        work_(work) {}

  void run() {
    clear(work_.squares);
    clear(work_.sums);
    clear(work_.alpha_squares);
    clear(work_.haar);
    for (std::uint32_t y = 0; y < all_.height; ++y) {
      for (std::uint32_t k = 0; k < all_.count; ++k) load(k, y);
      for_each_pair(
          [&](std::uint32_t a, std::uint32_t b, std::size_t pair) { add(a, b, pair, y); });
      if (y % 2 == 1) add_noise();
      if ((y + 1) % kLowPassBlock == 0) end_low_pass_blocks();
      if ((y + 1) % kNoiseBlock == 0) end_noise_blocks(y / kNoiseBlock);
      if ((y + 1) % kOutlierBlock == 0 || y + 1 == all_.height) end_blocks(y / kOutlierBlock);
    }
  }

 private:
  using L = Lanes<Isa, float>;
  using Log = Logarithm<Isa, float>;

  template <class Visit>
  void for_each_pair(Visit visit) const {
    std::size_t pair = 0;
    for (std::uint32_t a = 0; a < all_.count; ++a) {
      for (std::uint32_t b = a + 1; b < all_.count; ++b) visit(a, b, pair++);
    }
  }

  template <std::size_t Count, std::size_t Length>
  static void clear(double (&all)[Count][Length]) {
    for (auto& row : all) clear(row, Length);
  }
  static void clear(double* row, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) row[i] = 0;
  }

  const std::byte* pixel(std::uint32_t k, std::uint32_t y) const {
    return all_.data[k] + y * all_.stride + strip_.first * Rows<Isa>::pixel_bytes(all_);
  }

  void load(std::uint32_t k, std::uint32_t y) {
    const std::byte* from = pixel(k, y);
    Rows<Isa>::fetch_ahead(all_, from, strip_.pixels);
    float* coded = work_.coded[y % 2][k];
    float* alpha = work_.coded_alpha[k];
    if (!Rows<Isa>::is_float(all_)) {
      Rows<Isa>::load(all_, from, strip_.pixels, work_.packed, coded);
      if (has_alpha_) Rows<Isa>::load_alpha(all_, from, strip_.pixels, work_.packed, alpha);
      return;
    }
    Rows<Isa>::load(all_, from, strip_.pixels, work_.packed, work_.linear[k]);
    irregular_[k] = !all_plain(work_.linear[k], samples_);
    code(work_.linear[k], samples_, coded);
    note_largest(coded);
    if (!has_alpha_) return;
    Rows<Isa>::load_alpha(all_, from, strip_.pixels, work_.packed, work_.linear_alpha[k]);
    irregular_[k] |= !all_plain(work_.linear_alpha[k], strip_.pixels);
    code(work_.linear_alpha[k], strip_.pixels, alpha);
  }

  static bool all_plain(const float* values, std::size_t count) {
    std::uint32_t found = 0;
    for (std::size_t i = 0; i < count; ++i) found |= is_plain<Isa>(values[i]) ? 0U : 1U;
    return found == 0;
  }

  /// Up to whole vectors: what lies behind `count` is finite, and nobody reads it.
  void code(float* linear, std::size_t count, float* coded) const {
    Rows<Isa>::clean(linear, count, all_.log);
    for (std::size_t i = 0; i < count; i += L::kCount) {
      const auto value = L::load(linear + i);
      L::store(coded + i, all_.log ? Log::of(value) : value);
    }
  }

  void note_largest(const float* coded) {
    auto largest = L::splat(0);
    for (std::size_t i = 0; i < samples_; i += L::kCount) {
      const auto value = L::load(coded + i);
      largest = L::larger(largest, L::larger(value, -value));
    }
    for (std::size_t lane = 0; lane < L::kCount; ++lane) {
      if (largest[lane] > sums_.largest) sums_.largest = largest[lane];
    }
  }

  void add(std::uint32_t a, std::uint32_t b, std::size_t pair, std::uint32_t y) {
    const auto& coded = work_.coded[y % 2];
    const auto& linear = work_.linear;
    add_row({linear[a], linear[b], coded[a], coded[b]}, samples_, work_.squares[pair],
            work_.sums[pair]);
    if (has_alpha_) {
      add_row({work_.linear_alpha[a], work_.linear_alpha[b], work_.coded_alpha[a],
               work_.coded_alpha[b]},
              strip_.pixels, work_.alpha_squares[pair], work_.alpha_sums);
    }
    if (irregular_[a] || irregular_[b])
      sums_.mismatches[pair] += mismatches(pixel(a, y), pixel(b, y));
  }

  struct RowPair {
    const float* linear_a;
    const float* linear_b;
    const float* coded_a;
    const float* coded_b;
  };

  void add_row(const RowPair& row, std::size_t count, double* squares, double* sums) {
    if (!all_.log) return add_differences(row.coded_a, row.coded_b, count, squares, sums);
    float* out = work_.difference;
    for (std::size_t i = 0; i < count; i += L::kCount) {
      L::store(out + i, Log::difference(L::load(row.linear_a + i), L::load(row.linear_b + i),
                                        L::load(row.coded_a + i), L::load(row.coded_b + i)));
    }
    add_differences(out, work_.zeros, count, squares, sums);
  }

  static void add_differences(const float* __restrict a,
                              const float* __restrict b,
                              std::size_t count,
                              double* __restrict squares,
                              double* __restrict sums) {
    for (std::size_t i = 0; i < count; ++i) {
      const double d = double{a[i]} - double{b[i]};
      squares[i] += d * d;
      sums[i] += d;
    }
  }

  std::uint64_t mismatches(const std::byte* a, const std::byte* b) const {
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < std::size_t{strip_.pixels} * all_.channels; ++i) {
      found += differ_in_kind<Isa>(sample(a, i), sample(b, i)) ? 1 : 0;
    }
    return found;
  }

  float sample(const std::byte* row, std::size_t index) const {
    if (all_.depth == Depth::kF32) return reinterpret_cast<const float*>(row)[index];
    return half_to_float<Isa>(reinterpret_cast<const std::uint16_t*>(row)[index]);
  }

  /// Also at odd columns, where no cell begins: the block's end leaves them out.
  void add_noise() {
    const std::size_t right = all_.colours;
    for (std::uint32_t k = 0; k < all_.count; ++k) {
      const float* __restrict top = work_.coded[0][k];
      const float* __restrict bottom = work_.coded[1][k];
      double* __restrict sums = work_.haar[k];
      for (std::size_t i = 0; i + right < samples_; ++i) {
        const double hh = (double{top[i]} - double{top[i + right]}) -
                          (double{bottom[i]} - double{bottom[i + right]});
        sums[i] += hh * hh;
      }
    }
  }

  void end_low_pass_blocks() {
    for_each_pair([&](std::uint32_t, std::uint32_t, std::size_t pair) {
      const double* block = work_.sums[pair];
      for (std::uint32_t x = 0; x + kLowPassBlock <= strip_.pixels; x += kLowPassBlock) {
        for (std::uint32_t c = 0; c < all_.colours; ++c) {
          const double sum = column_sum(block + c, kLowPassBlock, all_.colours);
          sums_.low_pass[pair] += sum * sum;
        }
        block += kLowPassBlock * all_.colours;
      }
      clear(work_.sums[pair], samples_);
    });
  }

  static double column_sum(const double* from, std::uint32_t count, std::size_t step) {
    double sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) sum += from[i * step];
    return sum;
  }

  void end_noise_blocks(std::uint32_t block_y) {
    const std::uint32_t first = strip_.first / kNoiseBlock;
    for (std::uint32_t k = 0; k < all_.count; ++k) {
      double* out = sums_.haar + (std::size_t{k} * sums_.noise_y + block_y) * sums_.noise_x + first;
      for (std::uint32_t b = 0; (b + 1) * kNoiseBlock <= strip_.pixels; ++b) {
        const double* block = work_.haar[k] + std::size_t{b} * kNoiseBlock * all_.colours;
        out[b] = 0;
        for (std::uint32_t c = 0; c < all_.colours; ++c) {
          out[b] += column_sum(block + c, kNoiseBlock / 2, std::size_t{2} * all_.colours);
        }
      }
      clear(work_.haar[k], samples_);
    }
  }

  void end_blocks(std::uint32_t block_y) {
    for_each_pair([&](std::uint32_t, std::uint32_t, std::size_t pair) {
      end_blocks(work_.squares[pair], all_.colours, sums_.squares, pair, block_y);
      if (has_alpha_) end_blocks(work_.alpha_squares[pair], 1, sums_.alpha_squares, pair, block_y);
    });
  }

  void end_blocks(double* columns,
                  std::uint32_t samples_a_pixel,
                  double* out,
                  std::size_t pair,
                  std::uint32_t block_y) {
    out += (pair * sums_.blocks_y + block_y) * sums_.blocks_x + strip_.first / kOutlierBlock;
    for (std::uint32_t x = 0; x < strip_.pixels; x += kOutlierBlock) {
      const std::uint32_t left = strip_.pixels - x;
      const std::uint32_t wide = left < kOutlierBlock ? left : kOutlierBlock;
      *out++ = column_sum(columns + std::size_t{x} * samples_a_pixel, wide * samples_a_pixel, 1);
    }
    clear(columns, std::size_t{strip_.pixels} * samples_a_pixel);
  }

  const Replicas& all_;
  const Strip strip_;
  const std::size_t samples_;
  const bool has_alpha_;
  DifferenceSums& sums_;
  DifferenceWorkspace& work_;
  bool irregular_[kMaxReplicas] = {};
};

}  // namespace worldshare::verifier::kernels
