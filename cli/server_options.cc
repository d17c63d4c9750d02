#include "cli/server_options.h"

#include "cli/embedded/stack.h"
#include "shared/files.h"

namespace worldshare::cli {
namespace {

Result<std::string> one_line(const std::filesystem::path& path) {
  auto text = read_file(path, 4096);
  if (text) text->erase(text->find_last_not_of(" \r\n") + 1);
  return text;
}

}  // namespace

std::filesystem::path up_folder() { return default_state_root() / "up"; }

void ServerOptions::add_to(CLI::App& command) {
  command.add_option("--server", server_, "dispatcher's address, https://host:port")
      ->envname("WORLDSHARE_SERVER");
  // Other users of the machine see the arguments of a program: for them there are the other two
  // ways.
  command.add_option("--token", token_, "the API token; better in WORLDSHARE_TOKEN or a file")
      ->envname("WORLDSHARE_TOKEN");
  command.add_option("--token-file", token_file_, "file with the API token")
      ->envname("WORLDSHARE_TOKEN_FILE");
  command.add_option("--ca", ca_file_, "PEM file with the server's authority, with https")
      ->envname("WORLDSHARE_CA");
  command.add_flag("--allow-plain", allow_plain_, "plain HTTP to another machine, unencrypted")
      ->envname("WORLDSHARE_ALLOW_PLAIN");
}

Result<ApiClient> ServerOptions::client(std::stop_token stop) const {
  std::string server = server_;
  std::filesystem::path token_file = token_file_;
  if (server.empty()) {
    auto url = one_line(up_folder() / "url");
    if (!url) {
      return fail(
          Errc::kUnavailable,
          "no server: give --server https://host:port, or start one here with 'worldshare up'");
    }
    server = *url;
    if (token_file.empty()) token_file = up_folder() / "keys/api-token";
  }
  http::ClientOptions options;
  options.ca_file = ca_file_;
  options.allow_plain = allow_plain_;
  options.bearer_token = token_;
  if (token_.empty() && !token_file.empty()) {
    auto text = one_line(token_file);
    if (!text) return fail(Errc::kNotFound, "--token-file: " + text.error().message);
    options.bearer_token = *text;
  }
  return ApiClient(server, options, std::move(stop), std::chrono::seconds(10));
}

}  // namespace worldshare::cli
