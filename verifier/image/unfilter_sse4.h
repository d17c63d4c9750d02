#pragma once

#include "verifier/image/unfilter.h"

namespace worldshare::verifier {

/// unfilter() for processors with SSE 4.1. Only in builds for x86-64; private to unfilter.cc.
void unfilter_sse4(const FilteredRows& rows,
                   const std::uint8_t* above,
                   std::uint8_t* out,
                   std::size_t stride);

}  // namespace worldshare::verifier
