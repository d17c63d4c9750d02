#pragma once

#include <string>

#include "dispatcher/gateway/page.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

inline constexpr Order kEnrolmentTokenOrder = "nt";

/// Makes an invitation. kInvalid "field: what to do". Only a hash of the token is stored.
Result<wire::EnrolmentTokenT> make_enrolment_token(pg::Connection& pg,
                                                   const wire::EnrolmentOrderT& order);
/// The newest first.
Result<wire::EnrolmentTokenListT> enrolment_tokens(pg::Connection& pg, const Page& page);
/// kNotFound; kConflict when it was used.
Result<> withdraw_enrolment_token(pg::Connection& pg, const std::string& id);

/// Spends a token: the agent is enrolled when this returns, with its owner's name. The agent that
/// spent it may come again while it has not expired. kDenied: unknown, expired, withdrawn or spent
/// by another.
Result<std::string> redeem_enrolment_token(pg::Connection& pg,
                                           const std::string& token,
                                           const std::string& agent,
                                           const std::string& render_class);

}  // namespace worldshare::dispatcher
