#include <array>
#include <cstddef>
#include <cstdint>

#include "shared/messages/messages.h"
#include "shared/messages/verdicts.h"

// Each message type from any bytes. The first byte chooses the type.

namespace {

namespace wire = worldshare::wire;
namespace messages = worldshare::messages;

template <class Table>
void decode_and_encode(worldshare::ByteView bytes) {
  const auto object = messages::decode<Table>(bytes);
  if (!object) return;
  const auto again = messages::encode(*object);
  // Tables that the input shares are written out one by one, so the copy may be too large.
  if (again.size() > messages::kMaxMessageBytes) return;
  WS_CHECK(messages::decode<Table>(again).has_value(), "what is encoded can be decoded");
}

/// A union may name a type and hold nothing; readers check, the encoder does not.
void decode_work(worldshare::ByteView bytes) {
  const auto work = messages::decode<wire::Work>(bytes);
  const auto* assignment = work ? work->body.AsAssignment() : nullptr;
  if (assignment != nullptr) (void)messages::encode(*assignment);
}

void unpack_and_pack(worldshare::ByteView bytes) {
  const auto verdicts = messages::unpack_verdicts(bytes);
  if (!verdicts) return;
  for (const auto& parcel : messages::pack_verdicts(*verdicts)) {
    if (parcel.data.size() > messages::kMaxMessageBytes) continue;
    WS_CHECK(messages::unpack_verdicts(parcel.data).has_value(), "what is packed can be unpacked");
  }
}

using Decode = void (*)(worldshare::ByteView);
constexpr std::array<Decode, 13> kTypes{decode_and_encode<wire::Manifest>,
                                        decode_work,
                                        decode_and_encode<wire::AgentState>,
                                        decode_and_encode<wire::HelloReply>,
                                        decode_and_encode<wire::UploadRequest>,
                                        decode_and_encode<wire::UploadReply>,
                                        decode_and_encode<wire::SceneRequest>,
                                        decode_and_encode<wire::SceneReply>,
                                        decode_and_encode<wire::Result>,
                                        decode_and_encode<wire::SignedResult>,
                                        decode_and_encode<wire::Verdict>,
                                        decode_and_encode<wire::Event>,
                                        unpack_and_pack};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kTypes[data[0] % kTypes.size()]({data + 1, size - 1});
  return 0;
}
