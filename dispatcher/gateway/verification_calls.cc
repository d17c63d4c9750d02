#include "dispatcher/gateway/artifact_url.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/list_reply.h"
#include "dispatcher/gateway/verifications.h"

namespace worldshare::dispatcher {

http::Reply submit_verification(Gateway& gateway, const Call& call) {
  const auto request = messages::parse_json<wire::VerificationRequestT>(call.request.body);
  if (!request) return problem(request.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto field = call.request.headers.find("idempotency-key");
  const std::string key = field == call.request.headers.end() ? "" : field->second;
  const Caller& caller = call.caller;
  const auto id = ask_verification(**pg, caller.tenant, caller.tenant_seen(), *request, key,
                                   gateway.parts.store);
  if (!id) return problem(id.error());
  const auto made = verification(**pg, caller.tenant_seen(), *id, artifact_urls(gateway));
  if (!made) return problem(made.error());
  http::Reply reply = json(202, *made);
  reply.headers["Location"] = "/v1/verifications/" + *id;
  return reply;
}

http::Reply get_verification(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto found =
      verification(**pg, call.caller.tenant_seen(), call.path[0], artifact_urls(gateway));
  return found ? json(200, *found) : problem(found.error());
}

http::Reply list_verifications(Gateway& gateway, const Call& call) {
  return list(gateway, call, kVerificationOrder, [&](pg::Connection& pg, const Page& page) {
    return verification_list(pg, call.caller.tenant_seen(), page, artifact_urls(gateway));
  });
}

}  // namespace worldshare::dispatcher
