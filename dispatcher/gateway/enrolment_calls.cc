#include "dispatcher/gateway/announce.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/nodes/enrolment.h"
#include "dispatcher/nodes/enrolment_tokens.h"
#include "shared/crypto.h"
#include "shared/messages/enrolment_proof.h"

namespace worldshare::dispatcher {
namespace {

/// 429 when this address, or everybody together, tried too often.
std::optional<http::Reply> too_often(Gateway& gateway, const Call& call) {
  AttemptLimit& attempts = gateway.parts.enrolment.attempts();
  if (attempts.allow(call.request.address)) return std::nullopt;
  spdlog::warn("enrolment attempts are limited peer={}", call.request.address);
  const std::string seconds = std::to_string(attempts.window().count());
  http::Reply reply =
      problem(429, "too many attempts to enrol; try again in " + seconds + " seconds");
  reply.headers["Retry-After"] = seconds;
  return reply;
}

http::Reply with_no_store(http::Reply reply) {
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

std::optional<Bytes> signature_bytes(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 2 * kSignatureBytes) return std::nullopt;
  Bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kDigits.find(text[i]);
    const auto low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

/// That `agent` signed `proof`, which holds the nonce.
Result<> check_proof(Gateway& gateway,
                     const std::string& agent,
                     const std::string& nonce,
                     const std::string& signature,
                     const std::string& proof) {
  const auto now = gateway.parts.clock.now();
  if (auto ok = gateway.parts.enrolment.nonce().check(nonce, agent, now); !ok) return ok;
  const auto bytes = signature_bytes(signature);
  if (!bytes) return fail(Errc::kInvalid, "signature: must be 128 lower-case hex digits");
  if (!verify_signature(agent, as_bytes(proof), *bytes))
    return fail(Errc::kDenied, "the signature is not this agent's");
  return {};
}

wire::EnrolmentT answer_to(Gateway& gateway,
                           const wire::EnrolmentRequestT& request,
                           const std::string& owner) {
  const EnrolmentDesk& desk = gateway.parts.enrolment;
  wire::EnrolmentT out;
  out.agent = request.agent;
  out.owner = owner;
  out.render_class = messages::clean_text(request.render_class, 100);
  out.broker_url = desk.broker_url();
  out.broker_ca = desk.broker_ca();
  out.heartbeat_ms = static_cast<std::uint32_t>(gateway.parts.config.economy.heartbeat.count());
  out.time_ms = unix_ms(gateway.parts.clock.now());
  out.broker_jwt = desk.credential(request.agent);
  return out;
}

}  // namespace

http::Reply list_enrolment_tokens(Gateway& gateway, const Call& call) {
  const auto page = parse_page(call.query, kEnrolmentTokenOrder);
  if (!page) return problem(page.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto tokens = enrolment_tokens(**pg, *page);
  return tokens ? json(200, *tokens) : problem(tokens.error());
}

http::Reply make_enrolment_token_now(Gateway& gateway, const Call& call) {
  const auto order = messages::parse_json<wire::EnrolmentOrderT>(call.request.body);
  if (!order) return problem(order.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto token = make_enrolment_token(**pg, *order);
  if (!token) return problem(token.error());
  spdlog::info("enrolment token made id={} owner={}", token->id, token->owner);
  return with_no_store(json(201, *token));
}

http::Reply withdraw_enrolment_token_now(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto done = withdraw_enrolment_token(**pg, call.path[0]);
  if (!done) return problem(done.error());
  return {200, "application/json", "{}", {}, {}};
}

http::Reply challenge_agent(Gateway& gateway, const Call& call) {
  if (auto refused = too_often(gateway, call)) return std::move(*refused);
  const auto request = messages::parse_json<wire::ChallengeRequestT>(call.request.body);
  if (!request) return problem(request.error());
  if (!is_user_nkey(request->agent))
    return problem(400, "agent: must be a public nkey (U and 55 characters)");
  const auto made = gateway.parts.enrolment.nonce().make(request->agent, gateway.parts.clock.now());
  wire::ChallengeT challenge;
  challenge.nonce = made.nonce;
  challenge.expires_ms = unix_ms(made.expires);
  return with_no_store(json(200, challenge));
}

http::Reply enrol_agent_now(Gateway& gateway, const Call& call) {
  if (auto refused = too_often(gateway, call)) return std::move(*refused);
  const auto request = messages::parse_json<wire::EnrolmentRequestT>(call.request.body);
  if (!request) return problem(request.error());
  const auto proof = messages::enrolment_proof(request->nonce, request->agent, request->token);
  if (auto ok = check_proof(gateway, request->agent, request->nonce, request->signature, proof);
      !ok)
    return problem(ok.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto owner =
      redeem_enrolment_token(**pg, request->token, request->agent, request->render_class);
  if (!owner) return problem(owner.error());
  spdlog::info("agent enrolled owner={} agent={}", *owner, request->agent);
  gateway.parts.enrolment.roster().wake();
  return with_no_store(json(200, answer_to(gateway, *request, *owner)));
}

http::Reply renew_credential_now(Gateway& gateway, const Call& call) {
  if (auto refused = too_often(gateway, call)) return std::move(*refused);
  const auto request = messages::parse_json<wire::CredentialRequestT>(call.request.body);
  if (!request) return problem(request.error());
  const auto proof = messages::credential_proof(request->nonce, request->agent);
  if (auto ok = check_proof(gateway, request->agent, request->nonce, request->signature, proof);
      !ok)
    return problem(ok.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  if (auto ok = check_enrolled(**pg, request->agent); !ok) return problem(ok.error());
  wire::CredentialT credential;
  credential.broker_jwt = gateway.parts.enrolment.credential(request->agent);
  return with_no_store(json(200, credential));
}

http::Reply revoke_owner_now(Gateway& gateway, const Call& call) {
  const auto control = messages::parse_json<wire::OwnerControlT>(call.request.body);
  if (!control) return problem(control.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto done = revoke_owner(**pg, call.path[0], control->reason);
  if (!done) return problem(done.error());
  gateway.parts.enrolment.roster().wake();
  spdlog::info("owner revoked owner={} agents={} tokens={}", call.path[0], done->agents,
               done->tokens);
  wire::OwnerRevokedT out;
  out.owner = call.path[0];
  out.agents = done->agents;
  out.tokens = done->tokens;
  return json(200, out);
}

}  // namespace worldshare::dispatcher
