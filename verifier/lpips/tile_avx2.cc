#include "verifier/lpips/tile_body.h"

namespace worldshare::verifier {

using Avx2Tile = TileBody<8, 6>;
const TileKernel kTileAvx2 = {"avx2", 6, Avx2Tile::kColumns, Avx2Tile::add};

}  // namespace worldshare::verifier
