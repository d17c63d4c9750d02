#include "verifier/lpips/tile_body.h"

namespace worldshare::verifier {

using PortableTile = TileBody<4, 4>;
const TileKernel kTilePortable = {"portable", 4, PortableTile::kColumns, PortableTile::add};

}  // namespace worldshare::verifier
