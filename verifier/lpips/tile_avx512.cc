#include "verifier/lpips/tile_body.h"

namespace worldshare::verifier {

using Avx512Tile = TileBody<16, 12>;
const TileKernel kTileAvx512 = {"avx512", 12, Avx512Tile::kColumns, Avx512Tile::add};

}  // namespace worldshare::verifier
