#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/http/server.h"

namespace worldshare::http {

/// Whether the client takes gzip: Accept-Encoding names it, or `*`, with a weight over 0 (RFC 9110,
/// 12.5.3).
bool accepts_gzip(const Request& request);

/// Whether such content gets smaller: text of some length.
bool is_worth_gzip(std::string_view content_type, std::size_t size_bytes);

/// `content` as a gzip file; nothing when that is not shorter. `level`: 1, fast, to 12.
std::optional<std::string> gzip(std::string_view content, int level);

}  // namespace worldshare::http
