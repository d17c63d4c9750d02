#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/http/server.h"
#include "shared/result.h"

namespace worldshare::http {

/// A weak entity tag of what an answer says, `W/"..."` (RFC 9110, 8.8.3).
std::string weak_tag(std::string_view content);

/// Whether the request's If-None-Match names this tag; compared weakly.
bool names_tag(const Request& request, std::string_view tag);

/// `reply`, or 304 without a body when the client has it already. Sets ETag.
Reply with_tag(const Request& request, Reply reply, const std::string& tag);

/// Which part of `size` bytes a Range header asks for: nothing when there is none, when it cannot
/// be read, or when it asks for several (all of it is a right answer then). kInvalid when it begins
/// behind the end: 416.
Result<std::optional<FilePart>> requested_part(const Request& request,
                                               std::string_view tag,
                                               std::uint64_t size);

/// A file as 200, 206, 304 or 416, as the request's headers ask. `tag` names its content.
Reply file_reply(const Request& request,
                 const std::string& file,
                 std::uint64_t size,
                 const std::string& content_type,
                 const std::string& tag);

}  // namespace worldshare::http
