#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatcher/access/caller.h"
#include "dispatcher/gateway/page.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

inline constexpr Order kTokenOrder = "nt";

/// Makes a token; the answer is the only place where its text ever is. kInvalid "field: what to
/// do".
Result<wire::TokenCreatedT> create_token(pg::Connection& pg,
                                         const wire::TokenOrderT& order,
                                         const std::string& created_by);

/// All tokens, the newest first; those that ended too.
Result<wire::TokenListT> token_list(pg::Connection& pg, const Page& page);

/// Ends a token and the sessions that stand on it. Once more is no error. kNotFound.
Result<> revoke_token(pg::Connection& pg, const std::string& id, const std::string& by);

/// Whose token it is, if it is valid now; token_hash is what the token must hash to.
Result<std::optional<Caller>> find_token(pg::Connection& pg, const std::string& id);

/// Those of these tokens that are not valid any more.
Result<std::vector<std::string>> ended_tokens(pg::Connection& pg,
                                              const std::vector<std::string>& ids);

}  // namespace worldshare::dispatcher
