#pragma once

#include "dispatcher/gateway/routes.h"

// The operations of schemas/openapi.yaml, one function each.

namespace worldshare::dispatcher {

// service_calls.cc
http::Reply get_health(Gateway& gateway, const Call& call);
http::Reply get_ready(Gateway& gateway, const Call& call);
http::Reply get_metrics_text(Gateway& gateway, const Call& call);
http::Reply get_queue(Gateway& gateway, const Call& call);
http::Reply get_figures(Gateway& gateway, const Call& call);
http::Reply get_leaderboard(Gateway& gateway, const Call& call);

// event_streams.cc
http::Reply stream_events(Gateway& gateway, const Call& call);
http::Reply stream_job_events(Gateway& gateway, const Call& call);

// job_calls.cc
http::Reply list_jobs(Gateway& gateway, const Call& call);
http::Reply submit_job(Gateway& gateway, const Call& call);
http::Reply get_job(Gateway& gateway, const Call& call);
http::Reply control_job_now(Gateway& gateway, const Call& call);
http::Reply list_units(Gateway& gateway, const Call& call);
http::Reply list_frames(Gateway& gateway, const Call& call);
http::Reply get_frame(Gateway& gateway, const Call& call);
http::Reply list_nodes(Gateway& gateway, const Call& call);
http::Reply control_node_now(Gateway& gateway, const Call& call);
http::Reply list_owners(Gateway& gateway, const Call& call);

// enrolment_calls.cc
http::Reply list_enrolment_tokens(Gateway& gateway, const Call& call);
http::Reply make_enrolment_token_now(Gateway& gateway, const Call& call);
http::Reply withdraw_enrolment_token_now(Gateway& gateway, const Call& call);
http::Reply challenge_agent(Gateway& gateway, const Call& call);
http::Reply enrol_agent_now(Gateway& gateway, const Call& call);
http::Reply renew_credential_now(Gateway& gateway, const Call& call);
http::Reply revoke_owner_now(Gateway& gateway, const Call& call);

// tenant_calls.cc
http::Reply list_tenants(Gateway& gateway, const Call& call);
http::Reply set_tenant(Gateway& gateway, const Call& call);

// verification_calls.cc
http::Reply submit_verification(Gateway& gateway, const Call& call);
http::Reply get_verification(Gateway& gateway, const Call& call);
http::Reply list_verifications(Gateway& gateway, const Call& call);

// trust_views.cc
http::Reply get_owner_trust(Gateway& gateway, const Call& call);
http::Reply overrule_owner(Gateway& gateway, const Call& call);
http::Reply get_unit_verdicts(Gateway& gateway, const Call& call);

// access_calls.cc
http::Reply get_session(Gateway& gateway, const Call& call);
http::Reply sign_in(Gateway& gateway, const Call& call);
http::Reply sign_out(Gateway& gateway, const Call& call);
http::Reply make_login_code(Gateway& gateway, const Call& call);
http::Reply list_tokens(Gateway& gateway, const Call& call);
http::Reply make_token(Gateway& gateway, const Call& call);
http::Reply end_token(Gateway& gateway, const Call& call);
http::Reply list_audit(Gateway& gateway, const Call& call);

// upload_calls.cc
http::Reply describe_uploads(Gateway& gateway, const Call& call);
http::Reply make_upload(Gateway& gateway, const Call& call);
http::Reply get_upload(Gateway& gateway, const Call& call);
http::HeadDecision append_upload(Gateway& gateway, const Call& call);
http::Reply drop_upload(Gateway& gateway, const Call& call);

// blob_calls.cc
http::Reply get_blob(Gateway& gateway, const Call& call);
http::HeadDecision put_blob(Gateway& gateway, const Call& call);

}  // namespace worldshare::dispatcher
