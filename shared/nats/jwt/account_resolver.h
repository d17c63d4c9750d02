#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shared/nats/connection.h"

namespace worldshare::nats {

/// Where a broker that trusts JWTs keeps its accounts. Used by one thread at a time.
class AccountResolver {
 public:
  /// `registrar`: how to connect as a user of the system account.
  static Result<AccountResolver> open(const ConnectOptions& registrar);
  /// The broker has these accounts from now on, in place of what it had of them; whom it does not
  /// let in any more is cut off. kDenied with the broker's words when it does not take one; it may
  /// have others of them then.
  Result<> put(const std::vector<std::string>& account_jwts);
  /// Whether the broker has that account, as far as it says within a second.
  Result<bool> has(const std::string& account);

 private:
  AccountResolver(std::unique_ptr<Connection> connection, Subscription answers)
      : connection_(std::move(connection)), answers_(std::move(answers)) {}
  std::unique_ptr<Connection> connection_;
  Subscription answers_;
};

}  // namespace worldshare::nats
