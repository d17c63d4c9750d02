#include <cstddef>
#include <cstdint>

#include "shared/messages/manifest.h"

// JSON of an artist: what is accepted is within its limits and survives its own JSON.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace messages = worldshare::messages;
  const auto manifest = messages::parse_manifest(worldshare::as_text({data, size}));
  if (!manifest) return 0;
  const std::uint32_t frames = messages::frame_count(*manifest);
  WS_CHECK(frames > 0 && frames <= messages::ManifestLimits{}.frames, "frames are bounded");
  WS_CHECK(messages::frame_number(*manifest, 0) <= messages::frame_number(*manifest, frames - 1),
           "frames ascend");
  const auto again = messages::parse_manifest(messages::to_json(*manifest));
  WS_CHECK(again.has_value(), "an accepted manifest's JSON is accepted");
  WS_CHECK(messages::to_json(*again) == messages::to_json(*manifest),
           "a manifest survives its JSON");
  return 0;
}
