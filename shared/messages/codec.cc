// The one source that knows FlatBuffers' tables: how they are checked, packed and unpacked, and
// printed as JSON.
#include <flatbuffers/idl.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "agent_codec.h"
#include "api_bfbs_generated.h"
#include "api_codec.h"
#include "event_bfbs_generated.h"
#include "event_codec.h"
#include "manifest_bfbs_generated.h"
#include "manifest_codec.h"
#include "result_codec.h"
#include "shared/messages/messages.h"
#include "verdict_codec.h"
#include "work_codec.h"

namespace worldshare::messages {
namespace {

/// The four characters that a message of this type carries at its start, as the schema's
/// file_identifier or, for the tables that share a file, as its comment says. A message of one type
/// is never taken for another, even where a reply was steered to a strange subject.
template <class Message>
constexpr const char* kIdentifier = nullptr;
template <>
constexpr const char* kIdentifier<wire::ManifestT> = "WSMA";
template <>
constexpr const char* kIdentifier<wire::WorkT> = "WSWK";
template <>
constexpr const char* kIdentifier<wire::AgentStateT> = "WSHB";
template <>
constexpr const char* kIdentifier<wire::HelloReplyT> = "WSHR";
template <>
constexpr const char* kIdentifier<wire::UploadRequestT> = "WSUQ";
template <>
constexpr const char* kIdentifier<wire::UploadReplyT> = "WSUR";
template <>
constexpr const char* kIdentifier<wire::SceneRequestT> = "WSSQ";
template <>
constexpr const char* kIdentifier<wire::SceneReplyT> = "WSSR";
template <>
constexpr const char* kIdentifier<wire::ResultT> = "WSRE";
template <>
constexpr const char* kIdentifier<wire::SignedResultT> = "WSRS";
template <>
constexpr const char* kIdentifier<wire::VerdictT> = "WSVD";
template <>
constexpr const char* kIdentifier<wire::EventT> = "WSEV";

/// The embedded schema that describes a table.
ByteView schema_of(std::string_view root) {
  if (root == wire::Manifest::GetFullyQualifiedName())
    return {wire::ManifestBinarySchema::data(), wire::ManifestBinarySchema::size()};
  if (root == wire::Event::GetFullyQualifiedName())
    return {wire::EventBinarySchema::data(), wire::EventBinarySchema::size()};
  return {wire::JobStatusBinarySchema::data(), wire::JobStatusBinarySchema::size()};
}

flatbuffers::IDLOptions json_options() {
  flatbuffers::IDLOptions options;
  options.strict_json = true;
  options.indent_step = -1;
  options.output_default_scalars_in_json = true;
  options.output_enum_identifiers = true;
  return options;
}

using ParserPtr = std::unique_ptr<flatbuffers::Parser>;

/// Reading a schema costs more than most of what is printed or parsed by it.
ParserPtr new_parser(const std::string& root) {
  auto parser = std::make_unique<flatbuffers::Parser>(json_options());
  const ByteView schema = schema_of(root);
  WS_CHECK(parser->Deserialize(schema.data(), schema.size()) && parser->SetRootType(root.c_str()),
           "embedded schema");
  return parser;
}

/// Printing changes nothing in it, so all threads share one.
const flatbuffers::Parser& printer(const std::string& root) {
  static std::mutex mutex;
  static std::map<std::string, ParserPtr> known;
  const std::lock_guard lock(mutex);
  ParserPtr& parser = known[root];
  if (!parser) parser = new_parser(root);
  return *parser;
}

std::string print(ByteView buffer, const char* root) {
  std::string out;
  WS_CHECK(flatbuffers::GenerateText(printer(root), buffer.data(), &out), "JSON of an own table");
  return out;
}

Result<Bytes> parse(std::string_view json, const char* root) {
  if (json.find('\0') != std::string_view::npos)
    return fail(Errc::kInvalid, "JSON holds a NUL character");
  // One that stopped in the middle of something is not used again.
  thread_local std::map<std::string, ParserPtr> idle;
  ParserPtr parser = std::exchange(idle[root], nullptr);
  if (!parser) parser = new_parser(root);
  if (!parser->ParseJson(std::string(json).c_str())) {
    return fail(Errc::kInvalid, "JSON: " + clean_text(parser->error_, 500));
  }
  const auto& builder = parser->builder_;
  Bytes out(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  idle[root] = std::move(parser);
  return out;
}

}  // namespace

template <class Message>
Result<Message> decode(ByteView bytes) {
  using Table = typename Message::TableType;
  if (bytes.empty() || bytes.size() > kMaxMessageBytes)
    return fail(Errc::kCorrupt, "message is empty or too large");
  // What comes off a socket begins anywhere; FlatBuffers reads words where they are aligned.
  const Bytes aligned(bytes.begin(), bytes.end());
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), 32, 100'000);
  if (!verifier.VerifyBuffer<Table>(kIdentifier<Message>)) {
    return fail(Errc::kCorrupt,
                std::string("not a valid message of type ") + Table::GetFullyQualifiedName());
  }
  Message out;
  flatbuffers::GetRoot<Table>(aligned.data())->UnPackTo(&out);
  return out;
}

template <class Message>
bool is_marked(ByteView bytes) {
  constexpr std::size_t kMarkBytes =
      sizeof(flatbuffers::uoffset_t) + flatbuffers::kFileIdentifierLength;
  return kIdentifier<Message> != nullptr && bytes.size() >= kMarkBytes &&
         flatbuffers::BufferHasIdentifier(bytes.data(), kIdentifier<Message>);
}

template <class Message>
Bytes encode(const Message& object) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Message::TableType::Pack(builder, &object), kIdentifier<Message>);
  return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

template <class Message>
std::string to_json(const Message& object) {
  return print(encode(object), Message::TableType::GetFullyQualifiedName());
}

template <class Message>
Result<Message> parse_json(std::string_view json) {
  auto buffer = parse(json, Message::TableType::GetFullyQualifiedName());
  if (!buffer) return std::unexpected(buffer.error());
  return decode<Message>(*buffer);
}

#define WS_BINARY(Message)                                        \
  template Result<wire::Message> decode<wire::Message>(ByteView); \
  template bool is_marked<wire::Message>(ByteView);               \
  template Bytes encode<wire::Message>(const wire::Message&);
#define WS_BINARY_AND_JSON(Message)                                  \
  WS_BINARY(Message)                                                 \
  template std::string to_json<wire::Message>(const wire::Message&); \
  template Result<wire::Message> parse_json<wire::Message>(std::string_view);

WS_MANIFEST_MESSAGES(WS_BINARY_AND_JSON)
WS_EVENT_MESSAGES(WS_BINARY_AND_JSON)
WS_API_MESSAGES(WS_BINARY_AND_JSON)
WS_AGENT_MESSAGES(WS_BINARY)
WS_RESULT_MESSAGES(WS_BINARY)
WS_VERDICT_MESSAGES(WS_BINARY)
WS_WORK_MESSAGES(WS_BINARY)

}  // namespace worldshare::messages
