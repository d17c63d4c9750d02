#include "dispatcher/access/gatekeeper.h"

#include "dispatcher/access/login_rows.h"
#include "dispatcher/access/secret.h"
#include "dispatcher/access/token_rows.h"
#include "shared/crypto.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::seconds kTrusted{5};
constexpr std::size_t kMostKnown = 10'000;
constexpr std::string_view kBearer = "bearer ";
constexpr const char* kLocalTenant = "local";

std::string header(const http::Request& request, const char* name) {
  const auto field = request.headers.find(name);
  return field == request.headers.end() ? std::string() : field->second;
}

/// The token behind "Bearer ", whose case does not matter (RFC 9110, 11.1).
std::optional<std::string> bearer_in(const std::string& field) {
  if (field.size() <= kBearer.size()) return std::nullopt;
  for (std::size_t i = 0; i < kBearer.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(field[i])) != kBearer[i]) return std::nullopt;
  }
  return field.substr(kBearer.size());
}

/// "host:port" of "scheme://host:port/path".
std::string_view authority_of(std::string_view url) {
  const auto begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find('/'));
}

std::unexpected<Error> not_valid() {
  return fail(Errc::kDenied, "this token is not valid here, or not any more");
}

}  // namespace

Gatekeeper::Gatekeeper(Options options, ConnectionPool& pool, const Clock& clock)
    : options_(std::move(options)),
      local_hash_(options_.local_token.empty() ? "" : hash_of(options_.local_token)),
      pool_(pool),
      clock_(clock) {}

std::string Gatekeeper::session_in(const http::Request& request) const {
  const std::string cookies = header(request, "cookie");
  for (std::size_t begin = 0; begin < cookies.size();) {
    const auto end = std::min(cookies.find(';', begin), cookies.size());
    std::string_view pair = std::string_view(cookies).substr(begin, end - begin);
    pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
    if (pair.starts_with(options_.cookie + "="))
      return std::string(pair.substr(options_.cookie.size() + 1));
    begin = end + 1;
  }
  return {};
}

Result<Caller> Gatekeeper::identify(const http::Request& request) {
  if (const std::string field = header(request, "authorization"); !field.empty()) {
    const auto token = bearer_in(field);
    if (!token) return fail(Errc::kDenied, "Authorization: must be 'Bearer TOKEN'");
    return by_token(request, *token);
  }
  if (const std::string session = session_in(request); !session.empty())
    return by_session(request, session);
  return fail(Errc::kNotFound, "send the API token as 'Authorization: Bearer TOKEN'");
}

Result<Caller> Gatekeeper::by_token(const http::Request& request, const std::string& token) {
  const std::string hash = hash_of(token);
  if (!local_hash_.empty() && equal_constant_time(hash, local_hash_)) {
    if (!request.is_local && !options_.from_anywhere) {
      return fail(Errc::kDenied,
                  "the token of http.api_token_file is good on the gateway's own machine only; "
                  "'worldshare token create' makes others");
    }
    return caller_of(std::string(kLocalToken), local_hash_);
  }
  const auto id = id_in(kTokenPrefix, token);
  if (!id) return not_valid();
  return remembered(hash, [&] { return caller_of(*id, hash); });
}

Result<Caller> Gatekeeper::by_session(const http::Request& request, const std::string& session) {
  const auto id = id_in(kSessionPrefix, session);
  if (!id) return not_valid();
  const std::string hash = hash_of(session);
  auto caller = remembered(hash, [&]() -> Result<Caller> {
    auto pg = pool_.borrow();
    if (!pg) return std::unexpected(pg.error());
    const auto login = find_session(**pg, *id);
    if (!login) return std::unexpected(login.error());
    if (!*login || !equal_constant_time((*login)->hash, hash)) return not_valid();
    auto found = caller_of((*login)->token, (*login)->token_hash);
    if (!found) return found;
    const auto ends = (*login)->expires_ms;
    found->expires_ms = found->expires_ms == 0 ? ends : std::min(found->expires_ms, ends);
    found->by_cookie = true;
    return found;
  });
  // Browsers name the origin of whatever changes something.
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (caller && (is_foreign_page(request) || (!reads && header(request, "origin").empty()))) {
    return fail(Errc::kDenied,
                "a page of another origin may not use this session; send a token instead");
  }
  return caller;
}

Result<Caller> Gatekeeper::caller_of(const std::string& token, const std::string& token_hash) {
  if (token == kLocalToken) {
    if (local_hash_.empty() || !equal_constant_time(token_hash, local_hash_)) return not_valid();
    Caller caller;
    caller.token = kLocalToken;
    caller.token_hash = local_hash_;
    caller.name = "the token file";
    caller.role = Role::operator_;
    caller.tenant = kLocalTenant;
    return caller;
  }
  auto pg = pool_.borrow();
  if (!pg) return std::unexpected(pg.error());
  auto found = find_token(**pg, token);
  if (!found) return std::unexpected(found.error());
  if (!*found || !equal_constant_time((*found)->token_hash, token_hash)) return not_valid();
  return std::move(**found);
}

bool Gatekeeper::is_over(const Caller& caller) const {
  return caller.expires_ms != 0 && clock_.now() >= from_unix_ms(caller.expires_ms);
}

template <class Find>
Result<Caller> Gatekeeper::remembered(const std::string& hash, Find find) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(hash);
    if (known != known_.end() && now < known->second.until && !is_over(known->second.caller))
      return known->second.caller;
  }
  auto caller = find();
  if (!caller) return caller;
  const auto until = now + kTrusted;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(hash, Known{*caller, until});
  return caller;
}

void Gatekeeper::forget() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

/// SameSite=Strict keeps other sites out, but a site is a host with all its ports: on one machine
/// every program that serves pages would be the same site.
bool Gatekeeper::is_foreign_page(const http::Request& request) const {
  const std::string origin = header(request, "origin");
  if (origin.empty()) return false;
  const auto from = authority_of(origin);
  return from.empty() ||
         (from != header(request, "host") && from != authority_of(options_.public_url));
}

}  // namespace worldshare::dispatcher
