#pragma once

#include <filesystem>
#include <string>

#include "agents/home.h"
#include "api_types.h"
#include "shared/result.h"

namespace worldshare::agent {

struct EnrolmentOrder {
  std::string server;             ///< https://host[:port]
  std::string token;              ///< from the operator; lets one agent in
  std::filesystem::path ca_file;  ///< whom to trust for the server; empty: the system's
  bool allow_plain = false;       ///< plain HTTP and NATS to another machine
  std::string render_class;       ///< as Blender says
};

/// Makes this machine an agent of a farm: its key is made here (or kept, when there is one) and its
/// seed stays here; the server's nonce is signed to prove it; what the server answers is written
/// into `home`, readable by its user alone, so that the agent starts without a file edited. The
/// same call may be repeated with the same token. Errors say what to do.
Result<wire::EnrolmentT> enrol(const EnrolmentOrder& order, const Home& home);

}  // namespace worldshare::agent
