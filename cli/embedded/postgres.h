#pragma once

#include <filesystem>
#include <string>

#include "cli/embedded/supervisor.h"
#include "shared/result.h"

namespace worldshare::cli {

struct EmbeddedPostgres {
  Service service;
  std::string conninfo;
};

/// A private PostgreSQL cluster below `state`, made on first use, reachable through a unix socket
/// in `state/pg` only. PostgreSQL refuses to run as root, so root runs it as the user `postgres`
/// (or `nobody`). kNotFound: PostgreSQL is not installed; kInvalid: the path is too long for a
/// socket.
Result<EmbeddedPostgres> postgres_service(const std::filesystem::path& state,
                                          Supervisor& supervisor);

}  // namespace worldshare::cli
