#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace worldshare::dispatcher {

/// What somebody is to the farm.
enum class Role : std::uint8_t { artist, volunteer, operator_ };

std::string_view name_of(Role role);
std::optional<Role> role_named(std::string_view name);

/// Who may call an operation.
enum class Access : std::uint8_t {
  open,        ///< anybody
  any_role,    ///< whoever has a token
  artists,     ///< and operators
  volunteers,  ///< and operators
  operators,
  own  ///< a signed URL, which the handler checks; without one artists and operators
};

bool may_call(Access access, Role role);
/// "artist, operator": whom may_call() lets through, for people.
std::string roles_of(Access access);

/// The token of `http.api_token_file`, which is in no table.
inline constexpr std::string_view kLocalToken = "local";

/// Whether a tenant may be named so: 1 to 40 of the letters a-z, digits, '-' and '_', so that it
/// also is one token of a NATS subject.
bool is_account(std::string_view text);

/// Who sends a request.
struct Caller {
  std::string token;       ///< its id
  std::string token_hash;  ///< SHA-256, hex
  std::string name;
  Role role = Role::artist;
  std::string tenant;            ///< whose jobs; of an operator: whose it submits
  std::string owner;             ///< of a volunteer
  std::uint64_t expires_ms = 0;  ///< unix time; 0: never
  bool by_cookie = false;        ///< a browser's session, that other sites may try to use

  bool is_operator() const { return role == Role::operator_; }
  /// The tenant whose jobs it may see and change; empty: all.
  std::string tenant_seen() const { return is_operator() ? std::string() : tenant; }
};

}  // namespace worldshare::dispatcher
