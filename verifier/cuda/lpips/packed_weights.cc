#include "verifier/cuda/lpips/packed_weights.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "verifier/cuda/lpips/convolve.h"
#include "verifier/lpips/input_rows.h"

namespace worldshare::verifier::cuda {
namespace {

// Scaled so, two halves differ from a weight by at most 2^-22 of it, or by 2^-34 of the largest one
// where the low half is subnormal.
constexpr int kLargestExponent = 9;
constexpr int kSmallestTile = 64;

struct Halves {
  std::uint16_t high = 0;
  std::uint16_t low = 0;
};

std::uint16_t half_bits(double value) { return std::bit_cast<std::uint16_t>(__double2half(value)); }

Halves split(double value) {
  const std::uint16_t high = half_bits(value);
  return {high, half_bits(value - double{__half2float(std::bit_cast<__half>(high))})};
}

/// Weights by output, element of the kernel and input channel, before they are packed.
class Matrix {
 public:
  Matrix(int outputs, int elements, int inputs)
      : outputs_(outputs),
        elements_(elements),
        inputs_(inputs),
        values_(static_cast<std::size_t>(outputs * elements * inputs)) {}
  double& at(int output, int element, int input) {
    return values_.data()[(output * elements_ + element) * inputs_ + input];
  }
  double largest() const {
    double out = 0;
    for (const double value : values_) out = std::max(out, std::abs(value));
    return out;
  }
  int outputs() const { return outputs_; }
  int elements() const { return elements_; }
  int inputs() const { return inputs_; }

 private:
  int outputs_;
  int elements_;
  int inputs_;
  std::vector<double> values_;
};

int row_of(int output) { return output / kGroup * kGroup + row_of_channel(output % kGroup); }

std::size_t position(const PackedWeights& out, int row, int chunk, int half) {
  const auto index = std::ptrdiff_t{row} * out.chunks + chunk;
  return static_cast<std::size_t>(index * kChunk + half);
}

void place_split(PackedWeights& out, int row, int element, int input, Halves value) {
  const int chunk = element * out.input_chunks + input / kGroup;
  out.halves[position(out, row, chunk, input % kGroup)] = value.high;
  out.halves[position(out, row, chunk, kGroup + input % kGroup)] = value.low;
}

void place_exact(PackedWeights& out, int row, int element, int input, Halves value) {
  const int chunk = element * out.input_chunks + input / kChunk;
  out.halves[position(out, row, chunk, input % kChunk)] = value.high;
  out.halves[position(out, row + out.channels, chunk, input % kChunk)] = value.low;
}

PackedWeights pack_matrix(Matrix matrix, std::vector<float> bias, bool exact) {
  PackedWeights out;
  const int exponent = kLargestExponent - std::ilogb(matrix.largest());
  out.scale = static_cast<float>(std::ldexp(1.0, -exponent));
  out.channels = std::max(matrix.outputs(), kSmallestTile);
  out.rows = exact ? 2 * out.channels : out.channels;
  const int step = exact ? kChunk : kGroup;
  out.input_chunks = (matrix.inputs() + step - 1) / step;
  out.chunks = matrix.elements() * out.input_chunks;
  out.halves.resize(position(out, out.rows, 0, 0));
  for (int output = 0; output < matrix.outputs(); ++output) {
    for (int element = 0; element < matrix.elements(); ++element) {
      for (int input = 0; input < matrix.inputs(); ++input) {
        const Halves value = split(std::ldexp(matrix.at(output, element, input), exponent));
        const auto place = exact ? place_exact : place_split;
        place(out, row_of(output), element, input, value);
      }
    }
  }
  out.bias = std::move(bias);
  out.bias.resize(static_cast<std::size_t>(out.channels));
  return out;
}

double weight(const Convolution& c, int output, int input, int y, int x) {
  const int at = ((output * c.in + input) * c.kernel + y) * c.kernel + x;
  return double{c.weight[static_cast<std::size_t>(at)]};
}

std::vector<float> bias_of(const Convolution& c) { return {c.bias.begin(), c.bias.end()}; }

/// The network's input is gain * sample + offset; see kSampleScale and InputRows.
struct InputMap {
  double gain = 0;
  double offset = 0;
};
InputMap input_map(int colour) {
  const auto index = static_cast<std::size_t>(colour);
  const double scale{kInputScale[index]};
  return {2 / kSampleScale / scale,
          (-2 * kSampleOffset / kSampleScale - 1 - double{kInputShift[index]}) / scale};
}

/// The weights of one element of the patches' kernel: `pixel` of a patch is (y, x) of the kernel.
void add_pixel(
    Matrix& matrix, const Convolution& c, int element, int pixel, int y, int x, bool mask) {
  const int colours = matrix.inputs() / (mask ? 4 : 3) * 3;
  for (int output = 0; output < c.out; ++output) {
    for (int colour = 0; colour < 3; ++colour) {
      const InputMap map = input_map(colour);
      const double w = weight(c, output, colour, y, x);
      matrix.at(output, element, 3 * pixel + colour) = w * map.gain;
      if (mask) matrix.at(output, element, colours + pixel) += w * map.offset;
    }
  }
}

/// Without a mask the offsets belong to every output alike.
std::vector<float> bias_with_offsets(const Convolution& c) {
  std::vector<float> out = bias_of(c);
  for (int output = 0; output < c.out; ++output) {
    double sum{out[static_cast<std::size_t>(output)]};
    for (int i = 0; i < c.in * c.kernel * c.kernel; ++i) {
      const int colour = i / (c.kernel * c.kernel);
      const int place = i % (c.kernel * c.kernel);
      sum +=
          weight(c, output, colour, place / c.kernel, place % c.kernel) * input_map(colour).offset;
    }
    out[static_cast<std::size_t>(output)] = static_cast<float>(sum);
  }
  return out;
}

}  // namespace

PackedWeights pack(const Convolution& c) {
  Matrix matrix(c.out, c.kernel * c.kernel, c.in);
  for (int output = 0; output < c.out; ++output) {
    for (int element = 0; element < c.kernel * c.kernel; ++element) {
      for (int input = 0; input < c.in; ++input) {
        matrix.at(output, element, input) =
            weight(c, output, input, element / c.kernel, element % c.kernel);
      }
    }
  }
  PackedWeights out = pack_matrix(std::move(matrix), bias_of(c), false);
  out.kernel = c.kernel;
  out.pad = c.pad;
  return out;
}

PackedWeights pack_first(const Convolution& c, const Patches& patches, bool exact) {
  // A patch more than fits reaches beyond the kernel; its weights there stay 0.
  const int kernel = (c.kernel + patches.side - 1) / patches.side;
  Matrix matrix(c.out, kernel * kernel, patches.channels());
  for (int element = 0; element < kernel * kernel; ++element) {
    for (int pixel = 0; pixel < patches.side * patches.side; ++pixel) {
      const int y = element / kernel * patches.side + pixel / patches.side;
      const int x = element % kernel * patches.side + pixel % patches.side;
      if (y >= c.kernel || x >= c.kernel) continue;
      add_pixel(matrix, c, element, pixel, y, x, patches.mask);
    }
  }
  PackedWeights out =
      pack_matrix(std::move(matrix), patches.mask ? bias_of(c) : bias_with_offsets(c), exact);
  out.kernel = kernel;
  return out;
}

}  // namespace worldshare::verifier::cuda
