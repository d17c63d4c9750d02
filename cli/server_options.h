#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <stop_token>
#include <string>

#include "cli/api_client.h"

namespace worldshare::cli {

/// Which dispatcher a command talks to, and with which token: --server, --token and --token-file,
/// else the environment (WORLDSHARE_SERVER, WORLDSHARE_TOKEN, WORLDSHARE_TOKEN_FILE,
/// WORLDSHARE_CA), else the stack that `worldshare up` left running.
class ServerOptions {
 public:
  void add_to(CLI::App& command);
  Result<ApiClient> client(std::stop_token stop) const;

 private:
  std::string server_;
  std::string token_;
  std::filesystem::path token_file_;
  std::filesystem::path ca_file_;
  bool allow_plain_ = false;
};

/// Where `worldshare up` notes the address of its stack: <state root>/up.
std::filesystem::path up_folder();

}  // namespace worldshare::cli
