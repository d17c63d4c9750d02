#include "dispatcher/access/audit.h"
#include "dispatcher/access/login_rows.h"
#include "dispatcher/access/token_rows.h"
#include "dispatcher/gateway/audited.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/list_reply.h"
#include "dispatcher/gateway/replies.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::minutes kCodeLife{15};

wire::SessionStatusT status_of(const Caller& caller) {
  wire::SessionStatusT status;
  status.token = caller.token;
  status.name = caller.name;
  status.role = name_of(caller.role);
  status.tenant = caller.tenant;
  status.owner = caller.owner;
  status.expires_ms = caller.expires_ms;
  status.browser = caller.by_cookie;
  return status;
}

/// Who signs in: whom the code stands for, or else whose token it is.
Result<Caller> signing_in(Gateway& gateway, const http::Request& request) {
  if (request.body.empty()) return gateway.parts.gatekeeper.identify(request);
  const auto order = messages::parse_json<wire::SignInT>(request.body);
  if (!order) return std::unexpected(order.error());
  if (order->code.empty()) return gateway.parts.gatekeeper.identify(request);
  auto pg = gateway.pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  const auto login = spend_code(**pg, order->code);
  if (!login) return std::unexpected(login.error());
  return gateway.parts.gatekeeper.caller_of(login->token, login->token_hash);
}

std::string cookie_of(Gateway& gateway, const std::string& value, std::chrono::milliseconds life) {
  const bool secure = gateway.parts.base_url.starts_with("https://");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(life).count();
  return gateway.parts.gatekeeper.cookie() + "=" + value +
         "; Path=/; Max-Age=" + std::to_string(seconds) + "; HttpOnly; SameSite=Strict" +
         (secure ? "; Secure" : "");
}

http::Reply open_session(Gateway& gateway, Caller caller) {
  const auto life = gateway.parts.config.session_life;
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto session = make_session(**pg, caller.token, caller.token_hash, life);
  if (!session) return problem(session.error());
  const auto ends = unix_ms(gateway.parts.clock.now() + life);
  caller.expires_ms = caller.expires_ms == 0 ? ends : std::min(caller.expires_ms, ends);
  caller.by_cookie = true;
  http::Reply reply = json(201, status_of(caller));
  reply.headers["Set-Cookie"] = cookie_of(gateway, session->text, life);
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

}  // namespace

http::Reply get_session(Gateway&, const Call& call) {
  http::Reply reply = json(200, status_of(call.caller));
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply sign_in(Gateway& gateway, const Call& call) {
  if (gateway.parts.gatekeeper.is_foreign_page(call.request))
    return problem(403, "a page of another origin cannot sign in here");
  auto caller = signing_in(gateway, call.request);
  if (!caller && caller.error().code == Errc::kInvalid) return problem(caller.error());
  if (!caller) return not_known(caller.error());
  return audited(gateway, *caller, call.request, "",
                 [&] { return open_session(gateway, *caller); });
}

http::Reply sign_out(Gateway& gateway, const Call& call) {
  auto& gatekeeper = gateway.parts.gatekeeper;
  const auto session = id_in(kSessionPrefix, gatekeeper.session_in(call.request));
  if (!call.caller.by_cookie || !session)
    return problem(409, "this is a token and no session; 'worldshare token revoke' ends it");
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  if (auto ok = end_session(**pg, *session); !ok) return problem(ok.error());
  gatekeeper.forget();
  http::Reply reply{200, "application/json", "{}", {}, {}};
  reply.headers["Set-Cookie"] = cookie_of(gateway, "", std::chrono::milliseconds(0));
  return reply;
}

http::Reply make_login_code(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto code = make_code(**pg, call.caller, kCodeLife);
  if (!code) return problem(code.error());
  wire::LoginCodeT login;
  login.code = code->text;
  login.link = gateway.parts.base_url + "/#login=" + code->text;
  login.expires_ms = unix_ms(gateway.parts.clock.now() + kCodeLife);
  http::Reply reply = json(201, login);
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply list_tokens(Gateway& gateway, const Call& call) {
  return list(gateway, call, kTokenOrder, token_list);
}

http::Reply make_token(Gateway& gateway, const Call& call) {
  const auto order = messages::parse_json<wire::TokenOrderT>(call.request.body);
  if (!order) return problem(order.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto created = create_token(**pg, *order, call.caller.name);
  if (!created) return problem(created.error());
  http::Reply reply = json(201, *created);
  reply.headers["Location"] = "/v1/tokens/" + created->token->id;
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply end_token(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto ended = revoke_token(**pg, call.path.at(0), call.caller.name);
  if (!ended) return problem(ended.error());
  gateway.parts.gatekeeper.forget();
  return {200, "application/json", "{}", {}, {}};
}

http::Reply list_audit(Gateway& gateway, const Call& call) {
  return list(gateway, call, kAuditOrder, audit_list);
}

}  // namespace worldshare::dispatcher
