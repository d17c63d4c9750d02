#pragma once

#include "dispatcher/gateway/page.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/routes.h"

namespace worldshare::dispatcher {

/// Answers with a page of a list; `query` takes a connection and the page.
template <class Query>
http::Reply list(Gateway& gateway, const Call& call, Order order, Query query) {
  const auto page = parse_page(call.query, order);
  if (!page) return problem(page.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto table = query(**pg, *page);
  return table ? json(200, *table) : problem(table.error());
}

}  // namespace worldshare::dispatcher
