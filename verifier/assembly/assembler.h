#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/blobs/store.h"
#include "verifier/assembly/assemble.h"
#include "verifier/assembly/finisher.h"
#include "verifier/image/artifacts.h"

namespace worldshare::verifier {

/// One accepted part of a frame.
struct AcceptedPart {
  messages::Shard shard;
  std::string artifact;  ///< sha256
};

struct FrameParts {
  std::string scene;  ///< sha256 of the job's .blend
  wire::OutputT output;
  std::vector<AcceptedPart> parts;  ///< all of one frame, in any order
};

struct AssemblerOptions {
  FinisherOptions finisher;
  std::filesystem::path scratch;            ///< a folder of this process; made when missing
  std::uint64_t memory_bytes = 4ULL << 30;  ///< that one frame may take, see assembling_bytes()
};

/// Turns the accepted parts of a frame into the image that the artist fetches. One thread at a
/// time; what is referenced must outlive it.
class Assembler {
 public:
  Assembler(Artifacts& artifacts, AssemblerOptions options)
      : artifacts_(artifacts), options_(std::move(options)) {}

  /// The finished image, in the blob store: whole, or not at all. Nothing else is left behind.
  /// Idempotent. kInvalid: the parts are not one frame, or the scene cannot be finished; kDenied:
  /// it needs more memory than it may; otherwise what stood in the way now.
  Result<StoredImage> make_frame(const FrameParts& frame, const std::stop_token& stop = {});
  /// Whether the blob store has it.
  bool holds(const StoredImage& image) const;

 private:
  Result<Picture> assemble_parts(const FrameParts& frame);

  Artifacts& artifacts_;
  const AssemblerOptions options_;
};

}  // namespace worldshare::verifier
