#include "shared/http/problem.h"

#include <boost/beast/http/status.hpp>

namespace worldshare::http {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

std::string_view status_phrase(unsigned status) {
  if (status == 413) return "Content Too Large";
  const auto phrase =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {phrase.data(), phrase.size()};
}

Reply problem_reply(unsigned status, std::string_view detail) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/problem+json";
  reply.body = R"({"type": "about:blank", "title": )" + quoted(status_phrase(status)) +
               R"(, "status": )" + std::to_string(status) + R"(, "detail": )" + quoted(detail) +
               "}";
  return reply;
}

}  // namespace worldshare::http
