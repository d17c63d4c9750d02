#include "dispatcher/gateway/api.h"

#include "dispatcher/gateway/audited.h"
#include "dispatcher/gateway/replies.h"
#include "shared/http/conditional.h"
#include "shared/http/gzip.h"
#include "shared/log.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kUnwantedBody = 64 * 1024;
constexpr int kQuickly = 1;

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

/// Smaller, where the client takes that and it pays. Files of the dashboard come compressed.
http::Reply compressed(const http::Request& request, http::Reply reply) {
  if (!http::is_worth_gzip(reply.content_type, reply.body.size()) || reply.stream) return reply;
  reply.headers["Vary"] = "Accept-Encoding, Authorization, Cookie";
  if (reply.headers.contains("Content-Encoding") || !http::accepts_gzip(request)) return reply;
  if (auto smaller = http::gzip(reply.body, kQuickly)) {
    reply.body = std::move(*smaller);
    reply.headers["Content-Encoding"] = "gzip";
  }
  return reply;
}

}  // namespace

std::expected<Caller, http::Reply> Api::admit(const Route& route, const http::Request& request) {
  const bool by_signature = route.access == Access::own && !request.query.empty();
  if (route.access == Access::open || by_signature) return Caller{};
  auto caller = gateway_.parts.gatekeeper.identify(request);
  if (!caller) return std::unexpected(not_known(caller.error()));
  if (may_call(route.access, caller->role)) return std::move(*caller);
  return std::unexpected(problem(403, "this is for the roles " + roles_of(route.access) +
                                          "; this token is of the role " +
                                          std::string(name_of(caller->role))));
}

/// Before its body is read, a request is known to come from somebody who may send it.
http::HeadDecision Api::on_head(const http::Request& head) {
  auto found = match(head.method, head.path);
  if (found.route == nullptr) {
    if (auto refused = limits_.of_anybody(head)) return std::move(*refused);
    return http::NeedBody{kUnwantedBody};
  }
  auto caller = admit(*found.route, head);
  if (!caller) {
    if (auto refused = limits_.of_a_refusal(head)) return std::move(*refused);
    return std::move(caller.error());
  }
  if (auto refused = limits_.of(*found.route, *caller, head)) return std::move(*refused);
  if (found.route->begin != nullptr)
    return found.route->begin(gateway_, Call{head, std::move(found.path), {}, std::move(*caller)});
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
  const Route& route = *found.route;
  auto caller = admit(route, request);
  if (!caller) return std::move(caller.error());
  auto query = parse_query(route, request.query);
  if (!query) return problem(query.error());
  const Call call{request, std::move(found.path), std::move(*query), std::move(*caller)};
  const auto with_limits = [&](http::Reply reply) {
    limits_.tell(call.caller, reply);
    return reply;
  };
  const bool reads = route.method == "GET";
  if (reads || route.access == Access::open) return with_limits(route.answer(gateway_, call));
  return with_limits(audited(gateway_, call.caller, request, request.body,
                             [&] { return route.answer(gateway_, call); }));
}

http::Reply Api::on_request(const http::Request& request) {
  http::Reply reply = compressed(request, with_tag(request, answer(request)));
  // An answer is what its type says, whatever a browser believes to see in it.
  reply.headers.emplace("X-Content-Type-Options", "nosniff");
  reply.headers.emplace("Cache-Control", "no-cache");
  return reply;
}

}  // namespace worldshare::dispatcher
