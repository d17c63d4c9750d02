#include "dispatcher/gateway/routes.h"

#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/parse_query.hpp>

#include "dispatcher/gateway/handlers.h"

namespace worldshare::dispatcher {
namespace {

using enum Access;

constexpr std::array kRoutes = {
    Route{"GET", "/health", "", open, get_health},
    Route{"GET", "/ready", "", open, get_ready},
    Route{"GET", "/metrics", "", operators, get_metrics_text},
    Route{"GET", "/v1/queue", "", artists, get_queue},
    Route{"GET", "/v1/figures", "hours", any_role, get_figures},
    Route{"GET", "/v1/events", "", artists, stream_events},

    Route{"GET", "/v1/jobs", "limit cursor state search", artists, list_jobs},
    Route{"POST", "/v1/jobs", "", artists, submit_job},
    Route{"GET", "/v1/jobs/{id}", "", artists, get_job},
    Route{"POST", "/v1/jobs/{id}/control", "", artists, control_job_now},
    Route{"GET", "/v1/jobs/{id}/units", "limit cursor state", artists, list_units},
    Route{"GET", "/v1/jobs/{id}/events", "", artists, stream_job_events},
    Route{"GET", "/v1/jobs/{id}/frames", "limit cursor state", artists, list_frames},
    Route{"GET", "/v1/jobs/{id}/frames/{frame}", "", artists, get_frame},
    Route{"GET", "/v1/units/{unit}/verdicts", "", artists, get_unit_verdicts},

    Route{"GET", "/v1/verifications", "limit cursor", artists, list_verifications},
    Route{"POST", "/v1/verifications", "", artists, submit_verification},
    Route{"GET", "/v1/verifications/{id}", "", artists, get_verification},

    Route{"GET", "/v1/nodes", "limit cursor owner", any_role, list_nodes},
    Route{"POST", "/v1/nodes/{agent}/control", "", operators, control_node_now},
    Route{"GET", "/v1/owners", "limit cursor", any_role, list_owners},
    Route{"POST", "/v1/owners/{owner}/revoke", "", operators, revoke_owner_now},
    Route{"GET", "/v1/leaderboard", "days limit", any_role, get_leaderboard},
    Route{"GET", "/v1/trust/{owner}", "", volunteers, get_owner_trust},
    Route{"POST", "/v1/trust/{owner}/overrule", "", operators, overrule_owner},

    // With the last three an agent comes that has nothing but its key.
    Route{"GET", "/v1/enrolment/tokens", "limit cursor", operators, list_enrolment_tokens},
    Route{"POST", "/v1/enrolment/tokens", "", operators, make_enrolment_token_now},
    Route{"DELETE", "/v1/enrolment/tokens/{id}", "", operators, withdraw_enrolment_token_now},
    Route{"POST", "/v1/enrolment/challenge", "", open, challenge_agent},
    Route{"POST", "/v1/enrolment", "", open, enrol_agent_now},
    Route{"POST", "/v1/enrolment/credential", "", open, renew_credential_now},

    Route{"GET", "/v1/session", "", any_role, get_session},
    Route{"POST", "/v1/session", "", open, sign_in},
    Route{"DELETE", "/v1/session", "", any_role, sign_out},
    Route{"POST", "/v1/logins", "", any_role, make_login_code},
    Route{"GET", "/v1/tenants", "limit cursor", artists, list_tenants},
    Route{"POST", "/v1/tenants", "", operators, set_tenant},
    Route{"GET", "/v1/tokens", "limit cursor", operators, list_tokens},
    Route{"POST", "/v1/tokens", "", operators, make_token},
    Route{"DELETE", "/v1/tokens/{token}", "", operators, end_token},
    Route{"GET", "/v1/audit", "limit cursor", operators, list_audit},

    Route{"OPTIONS", "/v1/uploads", "", open, describe_uploads},
    Route{"POST", "/v1/uploads", "", artists, make_upload},
    Route{"GET", "/v1/uploads/{sha256}", "", artists, get_upload},
    Route{"PATCH", "/v1/uploads/{sha256}", "", artists, nullptr, append_upload},
    Route{"DELETE", "/v1/uploads/{sha256}", "", artists, drop_upload},
    Route{"GET", "/v1/blobs/{sha256}", "*", own, get_blob},
    Route{"PUT", "/v1/blobs/{sha256}", "*", own, nullptr, put_blob},
};

/// The next segment of a path that begins with '/'; `rest` loses it.
std::string_view next_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto end = std::min(rest.find('/'), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

bool fits(std::string_view pattern, std::string_view path, std::vector<std::string>& values) {
  values.clear();
  while (!pattern.empty() && !path.empty()) {
    const auto wanted = next_segment(pattern);
    const auto given = next_segment(path);
    if (wanted.starts_with('{')) {
      if (given.empty()) return false;
      values.emplace_back(given);
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  Match found;
  for (const Route& route : kRoutes) {
    std::vector<std::string> values;
    if (!fits(route.path, path, values)) continue;
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method != method) continue;
    found.route = &route;
    found.path = std::move(values);
  }
  return found;
}

Result<std::map<std::string, std::string>> parse_query(const Route& route, std::string_view query) {
  std::map<std::string, std::string> out;
  if (route.query == "*" || query.empty()) return out;
  const auto parsed = boost::urls::parse_query(query);
  if (!parsed) return fail(Errc::kInvalid, "query: is not a list of name=value");
  for (const auto& param : boost::urls::params_view(*parsed)) {
    if (!has_word(route.query, param.key)) {
      return fail(Errc::kInvalid, messages::clean_text(param.key, 64) +
                                      ": is not known here; known are: " +
                                      std::string(route.query.empty() ? "none" : route.query));
    }
    if (!out.emplace(param.key, param.value).second)
      return fail(Errc::kInvalid, param.key + ": was given twice");
  }
  return out;
}

}  // namespace worldshare::dispatcher
