#pragma once

#include "verifier/metrics/kernels/rows.h"

namespace worldshare::verifier::kernels {

/// The Gaussian of 11 taps and sigma 1.5, from its middle outwards.
template <class Real>
inline constexpr Real kTaps[6] = {0.26601172486179436,   0.21300553771125369,
                                  0.10936068950970002,   0.036000772128430815,
                                  0.0075987581352391859, 0.0010283800844791101};
/// The last one is 6 units in the last place above the nearest, so that the sum of the 11 is
/// exactly 1: otherwise every flat region would have some variance.
template <>
inline constexpr float kTaps<float>[6] = {0x1.106560p-2F, 0x1.b43c40p-3F, 0x1.bff0fep-4F,
                                          0x1.26eb18p-5F, 0x1.f1fe02p-8F, 0x1.0d9578p-10F};

/// SSIM over one strip. The planes that are filtered: the first picture; the other pictures less
/// the first, so that the means of near-equal pictures differ accurately; the square of each, or
/// the sum of the squares when there are only two; and the squared difference of each pair. With m
/// the mean under the window, v_a + v_b the sum of the variances and v_d the variance of the
/// difference
///   1 - SSIM = 1 - (1 - m_d^2 / A) (1 - v_d / B),  A = m_a^2 + m_b^2 + C1,  B = v_a + v_b + C2,
/// which is what the paper's form says, exactly 0 where the pictures are equal, and accurate where
/// they nearly are. Samples are taken less half the peak, so that squares stay small.
template <class Isa, class Real, int Colours>
class Window {
 public:
  Window(const WindowJob& job, Strip strip, double (&deficits)[kMaxPairs], WindowWorkspace& work)
      : all_(job.replicas),
        strip_(strip),
        padding_(job.padded ? kWindow / 2 : 0),
        rows_(all_.height + 2 * padding_),
        pixels_(strip.pixels + kWindow - 1),
        samples_(L::up(std::size_t{strip.pixels} * Colours)),
        wide_(L::up(samples_ + kReach * Colours)),
        pairs_(all_.count * (all_.count - 1) / 2),
        energies_(all_.count == 2 ? 1 : all_.count),
        planes_(all_.count + energies_ + pairs_),
        deficits_(deficits),
        work_(work) {
    for (std::size_t i = 0; i < samples_; ++i) {
      mask()[i] = i < std::size_t{strip.pixels} * Colours ? Real{1} : Real{0};
    }
  }

  void run() {
    for (std::int64_t y = 0; y < std::int64_t{rows_}; ++y) {
      if (differs(y)) last_difference_ = y;
      if (y - last_difference_ >= std::int64_t{kWindow}) {
        finish();
        continue;
      }
      for (std::int64_t row = y - kReach > next_ ? y - kReach : next_; row <= y; ++row) push(row);
      next_ = y + 1;
      if (y >= kReach) take(y - kReach);
    }
    finish();
  }

 private:
  using L = Lanes<Isa, Real>;
  using V = typename L::V;
  static constexpr std::int64_t kReach = kWindow - 1;
  static constexpr std::size_t kRing = kWindow + 1;

  Real* wide(std::size_t plane) { return reinterpret_cast<Real*>(work_.wide[plane]); }
  Real* ring(std::int64_t row, std::size_t plane) {
    return reinterpret_cast<Real*>(work_.ring) +
           (static_cast<std::size_t>(row) % kRing * planes_ + plane) * samples_;
  }
  Real* columns(std::size_t row, std::size_t plane) {
    return reinterpret_cast<Real*>(work_.columns[row][plane]);
  }
  Real* mask() { return reinterpret_cast<Real*>(work_.mask); }

  /// Of a row or column of the padded picture in the picture itself: reflect-101.
  std::uint32_t reflect(std::int64_t index, std::uint32_t length) const {
    const std::int64_t last = std::int64_t{length} - 1;
    std::int64_t at = index - padding_;
    if (last == 0) return 0;
    while (at < 0 || at > last) at = at < 0 ? -at : 2 * last - at;
    return static_cast<std::uint32_t>(at);
  }

  const std::byte* source(std::uint32_t k, std::int64_t y) const {
    return all_.data[k] + reflect(y, all_.height) * all_.stride;
  }

  /// Columns of the picture that the strip needs: what is reflected lies within them.
  std::uint32_t first_column() const {
    return strip_.first > padding_ ? strip_.first - padding_ : 0;
  }
  std::uint32_t end_column() const {
    const std::uint32_t end = strip_.first + pixels_ - padding_;
    return end < all_.width ? end : all_.width;
  }

  bool differs(std::int64_t y) const {
    const std::size_t bytes = Rows<Isa>::pixel_bytes(all_);
    const std::byte* first = source(0, y) + first_column() * bytes;
    for (std::uint32_t k = 1; k < all_.count; ++k) {
      const std::byte* other = source(k, y) + first_column() * bytes;
      if (__builtin_memcmp(first, other, (end_column() - first_column()) * bytes) != 0) return true;
    }
    return false;
  }

  /// Takes row `y` in: loads it, multiplies, and filters it along the row.
  void push(std::int64_t y) {
    for (std::uint32_t k = 0; k < all_.count; ++k) load(k, y);
    multiply();
    for (std::size_t plane = 0; plane < planes_; ++plane) {
      filter_row(wide(plane), ring(y, plane));
    }
  }

  void load(std::uint32_t k, std::int64_t y) {
    const std::byte* row = source(k, y);
    const std::size_t bytes = Rows<Isa>::pixel_bytes(all_);
    const std::uint32_t first = first_column();
    const std::uint32_t before = first + padding_ - strip_.first;
    const std::uint32_t count = end_column() - first;
    Rows<Isa>::fetch_ahead(all_, row + first * bytes, count);
    float* raw = work_.raw;
    Rows<Isa>::load(all_, row + first * bytes, count, work_.packed, raw + before * Colours);
    for (std::uint32_t x = 0; x < pixels_; ++x) {
      if (x == before) x += count;
      if (x >= pixels_) break;
      const std::uint32_t column = reflect(std::int64_t{strip_.first} + x, all_.width);
      Rows<Isa>::load(all_, row + column * bytes, 1, work_.packed, raw + x * Colours);
    }
    code(raw, wide(k));
  }

  void code(float* raw, Real* out) const {
    const std::size_t count = std::size_t{pixels_} * Colours;
    if (Rows<Isa>::is_float(all_)) Rows<Isa>::clean(raw, count, all_.log);
    const Real shift = static_cast<Real>(all_.peak / 2);
    if (!all_.log) {
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Real>(raw[i]) - shift;
    } else {
      code_log(raw, out);
    }
    for (std::size_t i = count; i < wide_; ++i) out[i] = 0;
  }

  void code_log(const float* raw, Real* out) const {
    for (std::size_t i = 0; i < wide_; ++i) out[i] = raw[i];
    for (std::size_t i = 0; i < wide_; i += L::kCount) {
      const V value = Logarithm<Isa, Real>::of(L::load(out + i));
      L::store(out + i, value - static_cast<Real>(all_.peak / 2));
    }
  }

  void multiply() {
    std::size_t pair = all_.count + energies_;
    for (std::uint32_t a = 0; a < all_.count; ++a) {
      if (energies_ > 1) square(wide(a), wide(all_.count + a));
      for (std::uint32_t b = a + 1; b < all_.count; ++b) {
        square_difference(wide(a), wide(b), wide(pair++));
      }
    }
    if (energies_ == 1) add_squares(wide(0), wide(1), wide(2));
    for (std::uint32_t k = 1; k < all_.count; ++k) subtract(wide(0), wide(k));
  }
  void subtract(const Real* base, Real* out) const {
    for (std::size_t i = 0; i < wide_; i += L::kCount) {
      L::store(out + i, L::load(out + i) - L::load(base + i));
    }
  }
  void square(const Real* a, Real* out) const {
    for (std::size_t i = 0; i < wide_; i += L::kCount) {
      const V v = L::load(a + i);
      L::store(out + i, v * v);
    }
  }
  void add_squares(const Real* a, const Real* b, Real* out) const {
    for (std::size_t i = 0; i < wide_; i += L::kCount) {
      const V v = L::load(a + i);
      const V w = L::load(b + i);
      L::store(out + i, v * v + w * w);
    }
  }
  void square_difference(const Real* a, const Real* b, Real* out) const {
    for (std::size_t i = 0; i < wide_; i += L::kCount) {
      const V d = L::load(a + i) - L::load(b + i);
      L::store(out + i, d * d);
    }
  }

  static constexpr Real tap(std::size_t k) { return kTaps<Real>[k < 5 ? 5 - k : k - 5]; }

  void filter_row(const Real* in, Real* out) const {
    for (std::size_t i = 0; i < samples_; i += L::kCount) {
      V sum = L::load(in + i) * tap(0);
#pragma GCC unroll 10
      for (std::size_t k = 1; k < kWindow; ++k) sum += L::load(in + i + k * Colours) * tap(k);
      L::store(out + i, sum);
    }
  }

  /// Filters the rows from `top` on along the columns: two rows of the map share what they load.
  template <std::size_t Count>
  void filter_columns(std::int64_t top, std::size_t plane) {
    const Real* rows[kWindow + Count - 1];
    for (std::size_t k = 0; k < kWindow + Count - 1; ++k) {
      rows[k] = ring(top + static_cast<std::int64_t>(k), plane);
    }
    Real* out[2] = {columns(0, plane), columns(1, plane)};
    for (std::size_t i = 0; i < samples_; i += L::kCount) {
      V sum[Count] = {};
#pragma GCC unroll 12
      for (std::size_t k = 0; k < kWindow + Count - 1; ++k) {
        const V value = L::load(rows[k] + i);
        if (k < kWindow) sum[0] += value * tap(k);
        if (Count == 2 && k > 0) sum[Count - 1] += value * tap(k - 1);
      }
      for (std::size_t r = 0; r < Count; ++r) L::store(out[r] + i, sum[r]);
    }
  }

  /// Row `top` of the map is due: it waits for the next one, so that both go in one.
  void take(std::int64_t top) {
    if (waiting_ < 0) {
      waiting_ = top;
      return;
    }
    emit<2>(waiting_);
    waiting_ = -1;
  }
  void finish() {
    if (waiting_ >= 0) emit<1>(waiting_);
    waiting_ = -1;
  }

  template <std::size_t Count>
  void emit(std::int64_t top) {
    for (std::size_t plane = 0; plane < planes_; ++plane) filter_columns<Count>(top, plane);
    std::size_t pair = 0;
    for (std::uint32_t a = 0; a < all_.count; ++a) {
      for (std::uint32_t b = a + 1; b < all_.count; ++b, ++pair) {
        V sum = {};
        for (std::size_t row = 0; row < Count; ++row) sum += row_deficit(row, a, b, pair);
        for (std::size_t lane = 0; lane < L::kCount; ++lane) deficits_[pair] += double{sum[lane]};
      }
    }
  }

  V row_deficit(std::size_t row, std::uint32_t a, std::uint32_t b, std::size_t pair) {
    const Real* base = columns(row, 0);
    const Real* less_base[2] = {columns(row, a), columns(row, b)};
    const Real* energies[2] = {columns(row, all_.count + (energies_ == 1 ? 0 : a)),
                               columns(row, all_.count + b)};
    const Real* difference = columns(row, all_.count + energies_ + pair);
    V sum = {};
    for (std::size_t i = 0; i < samples_; i += L::kCount) {
      const V da = a == 0 ? V{} : L::load(less_base[0] + i);
      const V db = L::load(less_base[1] + i);
      V energy = L::load(energies[0] + i);
      if (energies_ > 1) energy += L::load(energies[1] + i);
      const V mean = L::load(base + i);
      sum += deficit(mean + da, mean + db, da - db, energy, L::load(difference + i)) *
             L::load(mask() + i);
    }
    return sum;
  }

  V deficit(V mean_a, V mean_b, V mean_d, V energy, V difference) const {
    const V squared_d = mean_d * mean_d;
    const V variances = L::larger(V{}, energy - mean_a * mean_a - mean_b * mean_b);
    const V variance_d = L::larger(V{}, difference - squared_d);
    const V light_a = mean_a + half_peak_;
    const V light_b = mean_b + half_peak_;
    const V light = light_a * light_a + light_b * light_b + c1_;
    const V contrast = variances + c2_;
    return (squared_d * (contrast - variance_d) + light * variance_d) / (light * contrast);
  }

  const Replicas& all_;
  const Strip strip_;
  const std::uint32_t padding_;
  const std::uint32_t rows_;    ///< of the padded picture
  const std::uint32_t pixels_;  ///< of the padded picture that the strip needs
  const std::size_t samples_;   ///< of the map, whole vectors
  const std::size_t wide_;      ///< of the padded picture, whole vectors
  const std::size_t pairs_;
  const std::size_t energies_;
  const std::size_t planes_;
  double (&deficits_)[kMaxPairs];
  WindowWorkspace& work_;
  const Real half_peak_ = static_cast<Real>(all_.peak / 2);
  const Real c1_ = static_cast<Real>(0.01 * all_.peak * 0.01 * all_.peak);
  const Real c2_ = static_cast<Real>(0.03 * all_.peak * 0.03 * all_.peak);
  std::int64_t last_difference_ = -std::int64_t{kWindow};
  std::int64_t next_ = 0;  ///< the first row that was not taken in
  std::int64_t waiting_ = -1;
};

}  // namespace worldshare::verifier::kernels
