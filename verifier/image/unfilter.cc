#include "verifier/image/unfilter.h"

#include <cstdlib>

#ifdef __x86_64__
#include "verifier/image/unfilter_sse4.h"
#endif

namespace worldshare::verifier {
namespace {

int paeth(int a, int b, int c) {
  const int pa = std::abs(b - c);
  const int pb = std::abs(a - c);
  const int pc = std::abs(a + b - 2 * c);
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

int predict(std::uint8_t filter, int a, int b, int c) {
  switch (filter) {
    case 1: return a;
    case 2: return b;
    case 3: return (a + b) / 2;
    case 4: return paeth(a, b, c);
    default: return 0;
  }
}

}  // namespace

void unfilter_portable(const FilteredRows& rows,
                       const std::uint8_t* above,
                       std::uint8_t* out,
                       std::size_t stride) {
  for (std::size_t y = 0; y < rows.count; ++y, above = out, out += stride) {
    const std::uint8_t* in = rows.samples(y);
    for (std::size_t i = 0; i < rows.row_bytes; ++i) {
      const bool first = i < rows.pixel_bytes;
      const int a = first ? 0 : out[i - rows.pixel_bytes];
      const int c = first ? 0 : above[i - rows.pixel_bytes];
      out[i] = static_cast<std::uint8_t>(in[i] + predict(rows.filter(y), a, above[i], c));
    }
  }
}

void unfilter(const FilteredRows& rows,
              const std::uint8_t* above,
              std::uint8_t* out,
              std::size_t stride) {
#ifdef __x86_64__
  static const bool sse4 = __builtin_cpu_supports("sse4.1") != 0;
  if (sse4) return unfilter_sse4(rows, above, out, stride);
#endif
  unfilter_portable(rows, above, out, stride);
}

}  // namespace worldshare::verifier
