#include "verifier/lpips/tile_kernel.h"

namespace worldshare::verifier {

const TileKernel& tile_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return kTileAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kTileAvx2;
#endif
  return kTilePortable;
}

}  // namespace worldshare::verifier
