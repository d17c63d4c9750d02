#pragma once

#include "dispatcher/access/audit.h"
#include "dispatcher/gateway/gateway.h"
#include "dispatcher/gateway/replies.h"
#include "shared/log.h"

namespace worldshare::dispatcher {

/// Completes a record of the audit. Without it the record says that the answer is not known.
inline void end_record(Gateway& gateway, std::int64_t record, const http::Reply& reply) {
  auto pg = gateway.pool.borrow();
  const auto ended = pg ? audit_end(**pg, record, reply) : Result<>(std::unexpected(pg.error()));
  if (!ended)
    spdlog::warn("audit not completed record={} error=\"{}\"", record, ended.error().message);
}

/// Begins a record; the change may happen only when it is there.
inline Result<std::int64_t> begin_record(Gateway& gateway,
                                         const Caller& caller,
                                         const http::Request& request,
                                         const std::string& detail) {
  auto pg = gateway.pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  return audit_begin(**pg, caller, request, detail);
}

/// `act` between the two halves of its record.
template <class Act>
http::Reply audited(Gateway& gateway,
                    const Caller& caller,
                    const http::Request& request,
                    const std::string& detail,
                    Act act) {
  const auto record = begin_record(gateway, caller, request, detail);
  if (!record) return problem(record.error());
  http::Reply reply = act();
  end_record(gateway, *record, reply);
  return reply;
}

}  // namespace worldshare::dispatcher
