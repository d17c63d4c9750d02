#pragma once

#include <fmt/format.h>

#include <stop_token>
#include <string>

#include "cli/command.h"
#include "cli/server_options.h"

namespace worldshare::cli {

/// Prints what `path` of the API answers: `text_of` it, or with `json` as the API gives it.
/// Returns the exit status.
template <class Answer>
int show_table(const ServerOptions& server,
               bool json,
               const std::string& path,
               std::string (*text_of)(const Answer&),
               const std::stop_token& stop) {
  auto api = server.client(stop);
  if (!api) return report_error(api.error(), stop);
  const auto table = api->template get<Answer>(path);
  if (!table) return report_error(table.error(), stop);
  fmt::print("{}", json ? messages::to_json(*table) + "\n" : text_of(*table));
  return kDone;
}

}  // namespace worldshare::cli
