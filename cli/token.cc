#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/show_table.h"
#include "shared/clock.h"

namespace worldshare::cli {
namespace {

struct TokenOptions {
  ServerOptions server;
  wire::TokenOrderT order;
  std::string id;
  bool json = false;
};

std::uint64_t time_now_ms() { return unix_ms(SystemClock().now()); }

/// "40 d": how long until then.
std::string time_left(std::uint64_t until_ms) {
  const auto now = time_now_ms();
  return until_ms <= now ? "-" : age(now, until_ms);
}

std::string text_of(const wire::TokenListT& list) {
  Listing table({"TOKEN", "ROLE", "FOR", "STATE", "LEFT", "USED", "MADE BY", "NAME"});
  for (const auto& token : list.tokens) {
    table.add({token->id, token->role, token->owner.empty() ? token->tenant : token->owner,
               token->state, token->state == "valid" ? time_left(token->expires_ms) : "-",
               age(token->last_used_ms, time_now_ms()), token->created_by, token->name});
  }
  return table.text();
}

std::string text_of(const wire::AuditListT& list) {
  Listing table({"AGO", "WHO", "ROLE", "TENANT", "FROM", "STATUS", "WHAT", "DETAIL"});
  for (const auto& line : list.records) {
    table.add({age(line->at_ms, time_now_ms()), line->name, line->role, line->tenant, line->address,
               line->status == 0 ? "-" : std::to_string(line->status),
               line->method + " " + line->path,
               line->outcome.empty() ? line->detail : line->outcome});
  }
  return table.text();
}

/// The token alone goes to standard output, so that it can be piped into a file.
int create(const TokenOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  const auto made = api->post<wire::TokenCreatedT>("/v1/tokens", messages::to_json(options.order));
  if (!made) return report_error(made.error(), stop);
  if (options.json) {
    fmt::print("{}\n", messages::to_json(*made));
    return kDone;
  }
  fmt::print(stderr, "token {} of the role {}, for {}; it is shown this once:\n", made->token->id,
             made->token->role, time_left(made->token->expires_ms));
  fmt::print("{}\n", made->secret);
  return kDone;
}

int revoke(const TokenOptions& options, const std::stop_token& stop) {
  auto api = options.server.client(stop);
  if (!api) return report_error(api.error(), stop);
  if (auto ok = api->remove("/v1/tokens/" + options.id); !ok) return report_error(ok.error(), stop);
  fmt::print("revoked\n");
  return kDone;
}

}  // namespace

Run add_token(CLI::App& app) {
  auto options = std::make_shared<TokenOptions>();
  auto& order = options->order;
  auto* token = app.add_subcommand("token", "who may call the API");
  token->require_subcommand(1);
  auto* created = token->add_subcommand("create", "make a token and print it, this once");
  created->add_option("name", order.name, "for people: whose it is, what for")->required();
  created->add_option("--role", order.role, "artist, volunteer or operator")
      ->required()
      ->check(CLI::IsMember({"artist", "volunteer", "operator"}));
  created->add_option("--tenant", order.tenant, "of artists and operators: whose jobs");
  created->add_option("--owner", order.owner, "of volunteers: whose nodes");
  created->add_option("--days", order.days, "until it expires")->capture_default_str();
  auto* listed = token->add_subcommand("list", "all tokens, the newest first");
  auto* revoked = token->add_subcommand("revoke", "end a token and its sessions");
  revoked->add_option("token", options->id, "its id, from the list")->required();
  for (auto* command : {created, listed})
    command->add_flag("--json", options->json, "as the API gives it");
  for (auto* command : {created, listed, revoked}) options->server.add_to(*command);
  return [options, created, listed](std::stop_token stop) {
    if (created->parsed()) return create(*options, stop);
    if (listed->parsed())
      return show_table<wire::TokenListT>(options->server, options->json, "/v1/tokens?limit=1000",
                                          text_of, stop);
    return revoke(*options, stop);
  };
}

Run add_audit(CLI::App& app) {
  auto options = std::make_shared<TokenOptions>();
  auto* command = app.add_subcommand("audit", "who changed what: the newest thousand records");
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    return show_table<wire::AuditListT>(options->server, options->json, "/v1/audit?limit=1000",
                                        text_of, stop);
  };
}

Run add_login(CLI::App& app) {
  auto options = std::make_shared<TokenOptions>();
  auto* command =
      app.add_subcommand("login", "print a link that opens the dashboard signed in, once");
  command->add_flag("--json", options->json, "as the API gives it");
  options->server.add_to(*command);
  return [options](std::stop_token stop) {
    auto api = options->server.client(stop);
    if (!api) return report_error(api.error(), stop);
    const auto login = api->post<wire::LoginCodeT>("/v1/logins", "");
    if (!login) return report_error(login.error(), stop);
    fmt::print("{}\n", options->json ? messages::to_json(*login) : login->link);
    return kDone;
  };
}

}  // namespace worldshare::cli
