#pragma once

#include <cstddef>
#include <cstdint>

namespace worldshare::verifier {

/// Rows of a PNG as they come out of the zlib stream.
struct FilteredRows {
  const std::uint8_t* bytes = nullptr;  ///< `count` rows: the filter's code, then row_bytes bytes
  std::size_t count = 0;
  std::size_t row_bytes = 0;    ///< a multiple of pixel_bytes
  std::size_t pixel_bytes = 0;  ///< 1, 2, 3, 4, 6 or 8

  const std::uint8_t* row(std::size_t y) const { return bytes + y * (row_bytes + 1); }
  std::uint8_t filter(std::size_t y) const { return *row(y); }
  const std::uint8_t* samples(std::size_t y) const { return row(y) + 1; }
};

inline constexpr std::uint8_t kLastFilter = 4;  ///< Paeth; greater codes do not exist

/// Takes the filters back: ISO/IEC 15948:2004, clause 9. Every code is at most kLastFilter.
/// `above` holds row_bytes bytes: the unfiltered row before the first, or zeros. Row y goes to
/// out + y * stride, which lies outside of `rows`; bytes between row_bytes and stride are not
/// touched.
void unfilter(const FilteredRows& rows,
              const std::uint8_t* above,
              std::uint8_t* out,
              std::size_t stride);

/// The same on any processor, byte by byte: what unfilter() is tested against.
void unfilter_portable(const FilteredRows& rows,
                       const std::uint8_t* above,
                       std::uint8_t* out,
                       std::size_t stride);

}  // namespace worldshare::verifier
