#include <array>
#include <cstddef>
#include <cstdint>

#include "shared/messages/messages.h"
#include "shared/messages/verdicts.h"

// Each message type from any bytes. The first byte chooses the type.

namespace {

namespace wire = worldshare::wire;
namespace messages = worldshare::messages;

template <class Message>
void decode_and_encode(worldshare::ByteView bytes) {
  const auto object = messages::decode<Message>(bytes);
  if (!object) return;
  const auto again = messages::encode(*object);
  // Tables that the input shares are written out one by one, so the copy may be too large.
  if (again.size() > messages::kMaxMessageBytes) return;
  WS_CHECK(messages::decode<Message>(again).has_value(), "what is encoded can be decoded");
}

/// A union may name a type and hold nothing; readers check, the encoder does not.
void decode_work(worldshare::ByteView bytes) {
  const auto work = messages::decode<wire::WorkT>(bytes);
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
constexpr std::array<Decode, 13> kTypes{decode_and_encode<wire::ManifestT>,
                                        decode_work,
                                        decode_and_encode<wire::AgentStateT>,
                                        decode_and_encode<wire::HelloReplyT>,
                                        decode_and_encode<wire::UploadRequestT>,
                                        decode_and_encode<wire::UploadReplyT>,
                                        decode_and_encode<wire::SceneRequestT>,
                                        decode_and_encode<wire::SceneReplyT>,
                                        decode_and_encode<wire::ResultT>,
                                        decode_and_encode<wire::SignedResultT>,
                                        decode_and_encode<wire::VerdictT>,
                                        decode_and_encode<wire::EventT>,
                                        unpack_and_pack};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kTypes[data[0] % kTypes.size()]({data + 1, size - 1});
  return 0;
}
