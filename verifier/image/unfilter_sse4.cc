#include "verifier/image/unfilter_sse4.h"

#include <smmintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

// Average and Paeth need the pixel at the left, so one row is one long chain of dependent
// operations. A register therefore holds pixels of several rows at once, each row one pixel behind
// the row above it: then the lane above holds the pixel above, and the chain serves all rows.

namespace worldshare::verifier {
namespace {

/// How many bytes a pixel takes in a register, and how many rows fit.
template <std::size_t Pixel>
constexpr std::size_t kLane = Pixel <= 4 ? 4 : 8;
template <std::size_t Pixel>
constexpr std::size_t kRows = 16 / kLane<Pixel>;

/// 3 and 6 bytes are moved as 4 and 8 where that reaches no further than the next pixel.
template <std::size_t Pixel>
constexpr std::size_t kMoved = Pixel == 3   ? 4
                               : Pixel == 6 ? 8
                                            : Pixel;

/// Size bytes in the low bytes of a number.
template <std::size_t Size>
std::uint64_t load(const std::uint8_t* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, Size);
  return value;
}

template <std::size_t LaneBytes, std::size_t Index>
__m128i insert(__m128i into, std::uint64_t value) {
  if constexpr (LaneBytes == 4) return _mm_insert_epi32(into, static_cast<int>(value), Index);
  if constexpr (LaneBytes == 8) {
    return _mm_insert_epi64(into, static_cast<long long>(value), Index);
  }
}

template <std::size_t LaneBytes, std::size_t Index>
std::uint64_t extract(__m128i from) {
  if constexpr (LaneBytes == 4) {
    return static_cast<std::uint32_t>(_mm_extract_epi32(from, Index));
  }
  if constexpr (LaneBytes == 8) {
    return static_cast<std::uint64_t>(_mm_extract_epi64(from, Index));
  }
}

__m128i distance(__m128i p, __m128i q) {
  return _mm_sub_epi8(_mm_max_epu8(p, q), _mm_min_epu8(p, q));
}

/// In bytes: with p = b - c and q = a - c, |p + q| is the sum of their magnitudes when their signs
/// agree, otherwise the difference; a sum that saturates is still the greatest of the three.
[[gnu::always_inline]] inline __m128i paeth(__m128i a, __m128i b, __m128i c) {
  const __m128i pa = distance(b, c);
  const __m128i pb = distance(a, c);
  const __m128i b_not_less = _mm_cmpeq_epi8(_mm_max_epu8(b, c), b);
  const __m128i a_not_less = _mm_cmpeq_epi8(_mm_max_epu8(a, c), a);
  const __m128i signs_differ = _mm_xor_si128(b_not_less, a_not_less);
  const __m128i pc = _mm_blendv_epi8(_mm_adds_epu8(pa, pb), distance(pa, pb), signs_differ);
  const __m128i least = _mm_min_epu8(pb, pc);
  const __m128i take_b = _mm_cmpeq_epi8(least, pb);
  const __m128i take_a = _mm_cmpeq_epi8(_mm_min_epu8(pa, least), pa);
  return _mm_blendv_epi8(_mm_blendv_epi8(c, b, take_b), a, take_a);
}

/// Rounded down; the instruction rounds up.
__m128i average(__m128i a, __m128i b) {
  const __m128i odd = _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1));
  return _mm_sub_epi8(_mm_avg_epu8(a, b), odd);
}

/// kRows rows at once.
template <std::size_t Pixel>
class Wavefront {
 public:
  Wavefront(const FilteredRows& rows,
            std::size_t first,
            const std::uint8_t* above,
            std::uint8_t* out,
            std::size_t stride)
      : width_(rows.row_bytes / Pixel), above_(above), stride_(stride), out_(out) {
    in_ = rows.samples(first);
    in_stride_ = rows.row_bytes + 1;
    alignas(16) std::array<std::array<std::uint8_t, 16>, kLastFilter + 1> masks{};
    for (std::size_t k = 0; k < kCount; ++k) {
      std::memset(&masks[rows.filter(first + k)][k * kBytes], 0xff, kBytes);
    }
    const auto mask = [&](std::size_t filter) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(masks[filter].data()));
    };
    has_paeth_ = std::ranges::any_of(masks[4], [](auto byte) { return byte != 0; });
    sub_ = mask(1);
    up_ = mask(2);
    average_ = mask(3);
    paeth_ = mask(4);
  }

  void run() {
    if (has_paeth_) return run_steps<true>();
    run_steps<false>();
  }

 private:
  template <bool Paeth>
  void run_steps() {
    const std::size_t steps = width_ + kCount - 1;
    std::size_t step = 0;
    for (; step < std::min(kCount - 1, steps); ++step) edge_step<Paeth>(step);
    Wavefront inner = *this;  // no pointer reaches a copy, so it stays in registers
    for (; step + 1 < width_; ++step) inner.template inner_step<Paeth>(step);
    left_ = inner.left_;
    above_left_ = inner.above_left_;
    for (; step < steps; ++step) edge_step<Paeth>(step);
  }

  static constexpr std::size_t kBytes = kLane<Pixel>;
  static constexpr std::size_t kCount = kRows<Pixel>;

  const std::uint8_t* in(std::size_t row, std::size_t x) const {
    return in_ + row * in_stride_ + x * Pixel;
  }
  std::uint8_t* out(std::size_t row, std::size_t x) const {
    return out_ + row * stride_ + x * Pixel;
  }

  /// `above`: the pixel above the first row, in the highest lane.
  template <bool Paeth>
  [[gnu::always_inline]] __m128i advance(__m128i in, __m128i above) {
    const __m128i b = _mm_alignr_epi8(left_, above, 16 - kBytes);
    __m128i prediction = _mm_and_si128(average(left_, b), average_);
    if constexpr (Paeth) {
      const __m128i p = paeth(left_, b, above_left_);
      prediction = _mm_or_si128(prediction, _mm_and_si128(p, paeth_));
    }
    prediction = _mm_or_si128(prediction, _mm_and_si128(left_, sub_));
    prediction = _mm_or_si128(prediction, _mm_and_si128(b, up_));
    above_left_ = b;
    left_ = _mm_add_epi8(in, prediction);
    return left_;
  }

  /// Every row has a pixel here, and none is its row's last.
  template <bool Paeth>
  [[gnu::always_inline]] void inner_step(std::size_t step) {
    __m128i in_lanes = _mm_setzero_si128();
    each_row([&]<std::size_t Row>() {
      in_lanes = insert<kBytes, Row>(in_lanes, load<kMoved<Pixel>>(in(Row, step - Row)));
    });
    const std::uint64_t top = load<kMoved<Pixel>>(above_ + step * Pixel);
    const __m128i value =
        advance<Paeth>(in_lanes, insert<kBytes, kCount - 1>(_mm_setzero_si128(), top));
    each_row([&]<std::size_t Row>() {
      const std::uint64_t pixel = extract<kBytes, Row>(value);
      std::memcpy(out(Row, step - Row), &pixel, kMoved<Pixel>);
    });
  }

  /// Rows that have no pixel here compute something that nobody reads, or zeros before their first.
  template <bool Paeth>
  void edge_step(std::size_t step) {
    const auto inside = [&](std::size_t row) { return step >= row && step - row < width_; };
    __m128i in_lanes = _mm_setzero_si128();
    each_row([&]<std::size_t Row>() {
      if (!inside(Row)) return;
      in_lanes = insert<kBytes, Row>(in_lanes, load<Pixel>(in(Row, step - Row)));
    });
    const std::uint64_t top = step < width_ ? load<Pixel>(above_ + step * Pixel) : 0;
    const __m128i value =
        advance<Paeth>(in_lanes, insert<kBytes, kCount - 1>(_mm_setzero_si128(), top));
    each_row([&]<std::size_t Row>() {
      if (!inside(Row)) return;
      const std::uint64_t pixel = extract<kBytes, Row>(value);
      std::memcpy(out(Row, step - Row), &pixel, Pixel);
    });
  }

  template <class Action>
  [[gnu::always_inline]] static void each_row(Action action) {
    action.template operator()<0>();
    action.template operator()<1>();
    if constexpr (kCount == 4) {
      action.template operator()<2>();
      action.template operator()<3>();
    }
  }

  std::size_t width_;
  const std::uint8_t* above_;
  std::size_t stride_;
  std::uint8_t* out_;
  const std::uint8_t* in_;
  std::size_t in_stride_;
  bool has_paeth_;
  __m128i sub_;
  __m128i up_;
  __m128i average_;
  __m128i paeth_;
  __m128i left_ = _mm_setzero_si128();
  __m128i above_left_ = _mm_setzero_si128();
};

void add_row(const std::uint8_t* in,
             const std::uint8_t* above,
             std::uint8_t* out,
             std::size_t bytes) {
  std::size_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    const __m128i p = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(above + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm_add_epi8(p, q));
  }
  for (; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(in[i] + above[i]);
}

template <std::size_t Pixel>
void sum_row(const std::uint8_t* in, std::uint8_t* out, std::size_t bytes) {
  __m128i sum = _mm_setzero_si128();
  std::size_t i = 0;
  const auto step = [&]<std::size_t Size>() {
    sum = _mm_add_epi8(sum, _mm_cvtsi64_si128(static_cast<long long>(load<Size>(in + i))));
    const long long value = _mm_cvtsi128_si64(sum);
    std::memcpy(out + i, &value, Size);
  };
  for (; i + Pixel < bytes; i += Pixel) step.template operator()<kMoved<Pixel>>();
  step.template operator()<Pixel>();
}

template <std::size_t Pixel>
void single_row(const FilteredRows& rows,
                std::size_t y,
                const std::uint8_t* above,
                std::uint8_t* out) {
  switch (rows.filter(y)) {
    case 0: std::memcpy(out, rows.samples(y), rows.row_bytes); return;
    case 1: sum_row<Pixel>(rows.samples(y), out, rows.row_bytes); return;
    case 2: add_row(rows.samples(y), above, out, rows.row_bytes); return;
    default: unfilter_portable({rows.row(y), 1, rows.row_bytes, Pixel}, above, out, rows.row_bytes);
  }
}

/// Whether the next rows are enough for a wavefront, and one of them needs it.
template <std::size_t Pixel>
bool is_wave(const FilteredRows& rows, std::size_t y) {
  if (rows.count - y < kRows<Pixel>) return false;
  for (std::size_t k = 0; k < kRows<Pixel>; ++k) {
    if (rows.filter(y + k) >= 3) return true;
  }
  return false;
}

template <std::size_t Pixel>
void run(const FilteredRows& rows,
         const std::uint8_t* above,
         std::uint8_t* out,
         std::size_t stride) {
  for (std::size_t y = 0; y < rows.count;) {
    const bool wave = is_wave<Pixel>(rows, y);
    if (wave) {
      Wavefront<Pixel>(rows, y, above, out, stride).run();
    } else {
      single_row<Pixel>(rows, y, above, out);
    }
    const std::size_t done = wave ? kRows<Pixel> : 1;
    y += done;
    out += done * stride;
    above = out - stride;
  }
}

}  // namespace

void unfilter_sse4(const FilteredRows& rows,
                   const std::uint8_t* above,
                   std::uint8_t* out,
                   std::size_t stride) {
  switch (rows.pixel_bytes) {
    case 1: return run<1>(rows, above, out, stride);
    case 2: return run<2>(rows, above, out, stride);
    case 3: return run<3>(rows, above, out, stride);
    case 4: return run<4>(rows, above, out, stride);
    case 6: return run<6>(rows, above, out, stride);
    default: return run<8>(rows, above, out, stride);
  }
}

}  // namespace worldshare::verifier
