#include "shared/http/conditional.h"

#include <algorithm>
#include <charconv>

#include "shared/crypto.h"
#include "shared/http/problem.h"

namespace worldshare::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view opaque(std::string_view tag) {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return tag;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view field(const Request& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

std::string weak_tag(std::string_view content) {
  const auto digest = to_hex(sha256(as_bytes(content)));
  return "W/\"" + digest.substr(0, 24) + "\"";
}

bool names_tag(const Request& request, std::string_view tag) {
  std::string_view names = field(request, "if-none-match");
  while (!names.empty()) {
    const auto comma = std::min(names.find(','), names.size());
    const auto name = trimmed(names.substr(0, comma));
    if (name == "*" || (!name.empty() && opaque(name) == opaque(tag))) return true;
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return false;
}

Reply with_tag(const Request& request, Reply reply, const std::string& tag) {
  reply.headers["ETag"] = tag;
  if (!names_tag(request, tag)) return reply;
  reply.status = 304;
  reply.body.clear();
  reply.file.clear();
  return reply;
}

Result<std::optional<FilePart>> requested_part(const Request& request,
                                               std::string_view tag,
                                               std::uint64_t size) {
  std::string_view range = field(request, "range");
  const std::string_view only_if = field(request, "if-range");
  if (!range.starts_with("bytes=") || (!only_if.empty() && only_if != tag)) return std::nullopt;
  range = trimmed(range.substr(6));
  const auto dash = range.find('-');
  if (dash == std::string_view::npos || range.find(',') != std::string_view::npos)
    return std::nullopt;
  const auto first = number(range.substr(0, dash));
  const auto last = number(range.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) return fail(Errc::kInvalid, "Range: there are no such bytes");
    const auto length = std::min(*last, size);
    return FilePart{size - length, length};
  }
  const bool open_end = dash + 1 == range.size();
  if (!first || (!open_end && (!last || *last < *first))) return std::nullopt;
  if (*first >= size)
    return fail(Errc::kInvalid, "Range: begins behind the end, at " + std::to_string(size));
  const auto end = open_end ? size : std::min(*last + 1, size);
  return FilePart{*first, end - *first};
}

Reply file_reply(const Request& request,
                 const std::string& file,
                 std::uint64_t size,
                 const std::string& content_type,
                 const std::string& tag) {
  Reply reply{200, content_type, {}, file, {{"Accept-Ranges", "bytes"}}};
  if (names_tag(request, tag)) return with_tag(request, std::move(reply), tag);
  reply.headers["ETag"] = tag;
  auto part = requested_part(request, tag, size);
  if (!part) {
    reply = problem_reply(416, part.error().message);
    reply.headers["Content-Range"] = "bytes */" + std::to_string(size);
  } else if (*part) {
    reply.status = 206;
    reply.part = **part;
    reply.headers["Content-Range"] = "bytes " + std::to_string((*part)->offset) + "-" +
                                     std::to_string((*part)->offset + (*part)->length - 1) + "/" +
                                     std::to_string(size);
  }
  return reply;
}

}  // namespace worldshare::http
