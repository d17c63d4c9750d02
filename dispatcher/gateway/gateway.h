#pragma once

#include <string>

#include "dispatcher/access/gatekeeper.h"
#include "dispatcher/board.h"
#include "dispatcher/config.h"
#include "dispatcher/gateway/connection_pool.h"
#include "dispatcher/gateway/event_hub.h"
#include "dispatcher/gateway/figures.h"
#include "dispatcher/gateway/job_shares.h"
#include "dispatcher/gateway/leaderboard.h"
#include "dispatcher/gateway/node_history.h"
#include "dispatcher/intake/intake.h"
#include "dispatcher/nodes/enrolment_desk.h"
#include "shared/blobs/partial_uploads.h"
#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/http/server.h"
#include "shared/nats/connection.h"

namespace worldshare::dispatcher {

/// What the handlers of the API work with. Thread-safe.
struct Gateway {
  struct Parts {
    const Config& config;
    blobs::Store store;
    blobs::PartialUploads uploads;
    const blobs::UrlSigner& signer;
    nats::Connection& nats;
    const Clock& clock;
    Board& board;
    EventHub& events;
    EnrolmentDesk& enrolment;
    ConnectionPool& pool;
    Gatekeeper& gatekeeper;
    std::string base_url;  ///< "http://host:port", as clients reach it
  };
  explicit Gateway(Parts with)
      : parts(std::move(with)), pool(parts.pool), intake(parts.config, parts.store, parts.nats) {}

  Parts parts;
  ConnectionPool& pool;
  Intake intake;
  RecentFigures figures;
  RecentLeaderboards leaderboards;
  Recent<JobShares> shares{std::chrono::seconds(2)};
  Recent<NodeHistory> histories{std::chrono::seconds(5), 100'000};
};

}  // namespace worldshare::dispatcher
