#include "dispatcher/gateway/replies.h"

#include "shared/http/problem.h"
#include "shared/log.h"

namespace worldshare::dispatcher {

http::Reply problem(unsigned status, const std::string& detail) {
  wire::ProblemT table;
  table.type = "about:blank";
  table.status = static_cast<std::uint16_t>(status);
  table.title = http::status_phrase(status);
  table.detail = messages::clean_text(detail, 1000);
  // "field: what to do" is how checks of input speak.
  const auto colon = detail.find(": ");
  if (status == 400 && colon != std::string::npos && detail.find(' ') > colon) {
    table.type = "urn:worldshare:problem:invalid-field";
    table.title = "Invalid Field";
    table.field = messages::clean_text(detail.substr(0, colon), 200);
  }
  return {status, "application/problem+json", messages::to_json(table), {}, {}};
}

http::Reply problem_of(const std::string& kind,
                       const std::string& title,
                       unsigned status,
                       const std::string& detail) {
  wire::ProblemT table;
  table.type = "urn:worldshare:problem:" + kind;
  table.status = static_cast<std::uint16_t>(status);
  table.title = title;
  table.detail = messages::clean_text(detail, 1000);
  return {status, "application/problem+json", messages::to_json(table), {}, {}};
}

http::Reply problem(const Error& error) {
  switch (error.code) {
    case Errc::kInvalid:
    case Errc::kCorrupt: return problem(400, error.message);
    case Errc::kDenied: return problem(403, error.message);
    case Errc::kNotFound: return problem(404, error.message);
    case Errc::kConflict: return problem(409, error.message);
    default: break;
  }
  spdlog::warn("request failed error=\"{}\"", error.message);
  http::Reply reply = problem(503, "the database or the blob store cannot be reached; try again");
  reply.headers.emplace("Retry-After", "1");
  return reply;
}

http::Reply not_known(const Error& error) {
  if (error.code != Errc::kDenied && error.code != Errc::kNotFound) return problem(error);
  http::Reply reply = problem(401, error.message);
  const bool named = error.code == Errc::kDenied;
  reply.headers["WWW-Authenticate"] = named ? R"(Bearer realm="worldshare", error="invalid_token")"
                                            : R"(Bearer realm="worldshare")";
  return reply;
}

}  // namespace worldshare::dispatcher
