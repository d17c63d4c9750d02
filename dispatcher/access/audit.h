#pragma once

#include <string>

#include "dispatcher/access/caller.h"
#include "dispatcher/gateway/page.h"
#include "shared/http/server.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

inline constexpr Order kAuditOrder = "n";

/// Notes that a caller is about to change something: who, what, when. The change happens only when
/// this returned; the record's number goes to audit_end(). `detail`: the beginning of what was
/// sent, never a secret.
Result<std::int64_t> audit_begin(pg::Connection& pg,
                                 const Caller& caller,
                                 const http::Request& request,
                                 const std::string& detail);

/// Completes the record: how it was answered, and what was made.
Result<> audit_end(pg::Connection& pg, std::int64_t record, const http::Reply& reply);

/// The newest records first.
Result<wire::AuditListT> audit_list(pg::Connection& pg, const Page& page);

}  // namespace worldshare::dispatcher
