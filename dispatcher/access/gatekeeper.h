#pragma once

#include <map>
#include <mutex>
#include <string>

#include "dispatcher/access/caller.h"
#include "dispatcher/gateway/connection_pool.h"
#include "shared/clock.h"
#include "shared/http/server.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Knows who sends a request: by `Authorization: Bearer TOKEN`, or by the cookie of a browser's
/// session. What it found out holds for five seconds, so a token that was revoked at another
/// gateway is refused here within that time. Thread-safe.
class Gatekeeper {
 public:
  struct Options {
    std::string local_token;     ///< of an operator; empty: there is none
    bool from_anywhere = false;  ///< the local token is good from other machines, too
    std::string cookie;          ///< the name of the session's cookie
    std::string public_url;      ///< its origin may use cookies, beside the request's own host
  };
  Gatekeeper(Options options, ConnectionPool& pool, const Clock& clock);

  /// kNotFound: the request names nobody. kDenied: what it names is not valid, or a cookie would
  /// change something for a page of another origin. kUnavailable.
  Result<Caller> identify(const http::Request& request);
  /// The caller of a valid token, whatever brought it. kDenied, kUnavailable.
  Result<Caller> caller_of(const std::string& token, const std::string& token_hash);
  /// Looks everything up anew: something was revoked.
  void forget();

  /// Whether a page of another origin sends this request.
  bool is_foreign_page(const http::Request& request) const;
  const std::string& cookie() const { return options_.cookie; }
  /// The session's secret in a request's cookies, or "".
  std::string session_in(const http::Request& request) const;

 private:
  struct Known {
    Caller caller;
    std::chrono::steady_clock::time_point until;
  };
  Result<Caller> by_token(const http::Request& request, const std::string& token);
  Result<Caller> by_session(const http::Request& request, const std::string& session);
  bool is_over(const Caller& caller) const;
  template <class Find>
  Result<Caller> remembered(const std::string& hash, Find find);

  const Options options_;
  const std::string local_hash_;
  ConnectionPool& pool_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // guarded by mutex_; by the hash of the secret
};

}  // namespace worldshare::dispatcher
