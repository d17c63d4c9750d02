#include "dispatcher/gateway/api.h"

#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/routes.h"
#include "shared/http/conditional.h"
#include "shared/log.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

http::Reply not_found(const http::Request& request, const std::string& allowed) {
  if (allowed.empty()) return problem(404, "there is no " + request.method + " " + request.path);
  http::Reply reply = problem(405, request.path + " allows " + allowed);
  reply.headers["Allow"] = allowed;
  return reply;
}

/// Names what an answer says, unless the handler did.
http::Reply with_tag(const http::Request& request, http::Reply reply) {
  const bool plain = request.method == "GET" && reply.status == 200 && reply.file.empty() &&
                     !reply.stream && !reply.headers.contains("ETag");
  if (!plain) return reply;
  const std::string tag = http::weak_tag(reply.body);
  return http::with_tag(request, std::move(reply), tag);
}

}  // namespace

bool is_authorised(const Gateway& gateway, const http::Request& request) {
  if (gateway.parts.token.empty()) return true;
  const auto field = request.headers.find("authorization");
  return field != request.headers.end() &&
         equal_constant_time(field->second, "Bearer " + gateway.parts.token);
}

http::HeadDecision Api::on_head(const http::Request& head) {
  auto found = match(head.method, head.path);
  if (found.route != nullptr && found.route->begin != nullptr)
    return found.route->begin(gateway_, Call{head, std::move(found.path), {}});
  return http::NeedBody{messages::ManifestLimits{}.json_bytes};
}

http::Reply Api::answer(const http::Request& request) {
  auto found = match(request.method, request.path);
  if (found.route == nullptr) {
    const bool page =
        found.allowed.empty() && (request.method == "GET" || request.method == "HEAD");
    if (page) {
      if (auto file = dashboard_.reply(request)) return std::move(*file);
    }
    return not_found(request, found.allowed);
  }
  if (found.route->access == Access::token && !is_authorised(gateway_, request)) {
    http::Reply reply = problem(401, "send the API token as 'Authorization: Bearer TOKEN'");
    reply.headers["WWW-Authenticate"] = "Bearer";
    return reply;
  }
  auto query = parse_query(*found.route, request.query);
  if (!query) return problem(query.error());
  return found.route->answer(gateway_, {request, std::move(found.path), std::move(*query)});
}

http::Reply Api::on_request(const http::Request& request) {
  http::Reply reply = with_tag(request, answer(request));
  // An answer is what its type says, whatever a browser believes to see in it.
  reply.headers.emplace("X-Content-Type-Options", "nosniff");
  reply.headers.emplace("Cache-Control", "no-cache");
  return reply;
}

}  // namespace worldshare::dispatcher
