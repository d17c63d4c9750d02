#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent_types.h"
#include "api_types.h"
#include "event_types.h"
#include "manifest_types.h"
#include "result_types.h"
#include "shared/bytes.h"
#include "shared/result.h"
#include "verdict_types.h"
#include "work_types.h"

namespace worldshare::messages {

/// Limits for the verifier: what a message of ours may nest and hold.
inline constexpr std::size_t kMaxMessageBytes = 256 * 1024;

/// `Message`, here and below: the object of a table of schemas/*.fbs (wire::ResultT,
/// wire::AgentStateT, ...). Checks `bytes` with the FlatBuffers verifier, then unpacks them;
/// nothing of the buffer is touched before the check. kCorrupt when it does not hold.
template <class Message>
Result<Message> decode(ByteView bytes);

/// Whether `bytes` begin as an encoded `Message` does; no more of them is looked at. Only messages
/// that travel alone are marked so: of all others false.
template <class Message>
bool is_marked(ByteView bytes);

/// The inverse of decode().
template <class Message>
Bytes encode(const Message& object);

/// As JSON, through the schema that describes it (embedded in the program). Of manifest.fbs,
/// event.fbs and api.fbs.
template <class Message>
std::string to_json(const Message& object);

/// JSON text parsed through the schema; kInvalid with line and reason. Unknown fields are errors.
template <class Message>
Result<Message> parse_json(std::string_view json);

/// `text` with everything that is not valid UTF-8, and NUL, replaced by '?', cut to `limit_bytes`.
/// For free text from strangers before it reaches PostgreSQL or a terminal; control characters
/// other than newline and tab go too.
std::string clean_text(std::string_view text, std::size_t limit_bytes);

/// What a grant wants to be sent with the bytes.
std::map<std::string, std::string> to_headers(
    const std::vector<std::unique_ptr<wire::HeaderT>>& headers);

}  // namespace worldshare::messages
