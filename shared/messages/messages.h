#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent_generated.h"
#include "api_generated.h"
#include "event_generated.h"
#include "manifest_generated.h"
#include "result_generated.h"
#include "shared/bytes.h"
#include "shared/result.h"
#include "verdict_generated.h"
#include "work_generated.h"

namespace worldshare::messages {

/// Limits for the verifier: what a message of ours may nest and hold.
inline constexpr std::size_t kMaxMessageBytes = 256 * 1024;

/// The four characters that a message of this type carries at its start, as the schema's
/// file_identifier or, for the tables that share a file, as its comment says. A message of one type
/// is never taken for another, even where a reply was steered to a strange subject.
template <class Table>
inline constexpr const char* kIdentifier = nullptr;
template <>
inline constexpr const char* kIdentifier<wire::Manifest> = "WSMA";
template <>
inline constexpr const char* kIdentifier<wire::Work> = "WSWK";
template <>
inline constexpr const char* kIdentifier<wire::AgentState> = "WSHB";
template <>
inline constexpr const char* kIdentifier<wire::HelloReply> = "WSHR";
template <>
inline constexpr const char* kIdentifier<wire::UploadRequest> = "WSUQ";
template <>
inline constexpr const char* kIdentifier<wire::UploadReply> = "WSUR";
template <>
inline constexpr const char* kIdentifier<wire::SceneRequest> = "WSSQ";
template <>
inline constexpr const char* kIdentifier<wire::SceneReply> = "WSSR";
template <>
inline constexpr const char* kIdentifier<wire::Result> = "WSRE";
template <>
inline constexpr const char* kIdentifier<wire::SignedResult> = "WSRS";
template <>
inline constexpr const char* kIdentifier<wire::Verdict> = "WSVD";
template <>
inline constexpr const char* kIdentifier<wire::Event> = "WSEV";

/// Checks `bytes` with the FlatBuffers verifier, then unpacks a `Table` (wire::Result,
/// wire::AgentState, ...) into its object form (wire::ResultT). Nothing of the buffer is touched
/// before the check. kCorrupt when it does not hold.
template <class Table>
Result<typename Table::NativeTableType> decode(ByteView bytes) {
  if (bytes.empty() || bytes.size() > kMaxMessageBytes)
    return fail(Errc::kCorrupt, "message is empty or too large");
  // What comes off a socket begins anywhere; FlatBuffers reads words where they are aligned.
  const Bytes aligned(bytes.begin(), bytes.end());
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), 32, 100'000);
  if (!verifier.VerifyBuffer<Table>(kIdentifier<Table>)) {
    return fail(Errc::kCorrupt,
                std::string("not a valid message of type ") + Table::GetFullyQualifiedName());
  }
  typename Table::NativeTableType out;
  flatbuffers::GetRoot<Table>(aligned.data())->UnPackTo(&out);
  return out;
}

/// The inverse.
template <class NativeTable>
Bytes encode(const NativeTable& object) {
  using Table = typename NativeTable::TableType;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Table::Pack(builder, &object), kIdentifier<Table>);
  return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

/// `text` with everything that is not valid UTF-8, and NUL, replaced by '?', cut to `limit_bytes`.
/// For free text from strangers before it reaches PostgreSQL or a terminal; control characters
/// other than newline and tab go too.
std::string clean_text(std::string_view text, std::size_t limit_bytes);

/// What a grant wants to be sent with the bytes.
std::map<std::string, std::string> to_headers(
    const std::vector<std::unique_ptr<wire::HeaderT>>& headers);

/// A table as JSON, through the schema that describes it (embedded in the program). `root`:
/// "worldshare.wire.JobStatus".
std::string to_json(ByteView buffer, const char* root);

template <class NativeTable>
std::string to_json(const NativeTable& object) {
  const Bytes buffer = encode(object);
  return to_json(buffer, NativeTable::TableType::GetFullyQualifiedName());
}

/// JSON text parsed through the schema; kInvalid with line and reason. Unknown fields are errors.
Result<Bytes> from_json(std::string_view json, const char* root);

template <class Table>
Result<typename Table::NativeTableType> parse_json(std::string_view json) {
  auto buffer = from_json(json, Table::GetFullyQualifiedName());
  if (!buffer) return std::unexpected(buffer.error());
  return decode<Table>(*buffer);
}

}  // namespace worldshare::messages
