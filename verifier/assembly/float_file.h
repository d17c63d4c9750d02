#pragma once

#include <filesystem>

#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// Writes a float R G B A picture as an uncompressed OpenEXR file, for a reader on this machine.
/// kUnavailable: it cannot be written; what there is of the file then is removed.
Result<> write_float_file(const std::filesystem::path& path, const Picture& picture);

}  // namespace worldshare::verifier
