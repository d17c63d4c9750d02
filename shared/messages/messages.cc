#include "shared/messages/messages.h"

#include <flatbuffers/idl.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "api_bfbs_generated.h"
#include "event_bfbs_generated.h"
#include "manifest_bfbs_generated.h"

namespace worldshare::messages {
namespace {

/// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool outside = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

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

}  // namespace

std::string clean_text(std::string_view text, std::size_t limit_bytes) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::size_t take = length == 0 ? 1 : length;
    if (out.size() + take > limit_bytes) break;
    const auto c = static_cast<unsigned char>(text[0]);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    if (length == 0 || control) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(take);
  }
  return out;
}

std::string to_json(ByteView buffer, const char* root) {
  std::string out;
  WS_CHECK(flatbuffers::GenerateText(printer(root), buffer.data(), &out), "JSON of an own table");
  return out;
}

Result<Bytes> from_json(std::string_view json, const char* root) {
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

std::map<std::string, std::string> to_headers(
    const std::vector<std::unique_ptr<wire::HeaderT>>& headers) {
  std::map<std::string, std::string> out;
  for (const auto& header : headers) out[header->name] = header->value;
  return out;
}

}  // namespace worldshare::messages
