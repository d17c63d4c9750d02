#include "dispatcher/access/caller.h"

#include <algorithm>
#include <array>
#include <utility>

namespace worldshare::dispatcher {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 3> kRoles = {
    {{Role::artist, "artist"}, {Role::volunteer, "volunteer"}, {Role::operator_, "operator"}}};

constexpr std::size_t kMostName = 40;

}  // namespace

bool is_account(std::string_view text) {
  return !text.empty() && text.size() <= kMostName && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string_view name_of(Role role) { return kRoles.at(static_cast<std::size_t>(role)).second; }

std::optional<Role> role_named(std::string_view name) {
  for (const auto& [role, known] : kRoles) {
    if (known == name) return role;
  }
  return std::nullopt;
}

bool may_call(Access access, Role role) {
  switch (access) {
    case Access::open:
    case Access::any_role: return true;
    case Access::own:
    case Access::artists: return role != Role::volunteer;
    case Access::volunteers: return role != Role::artist;
    case Access::operators: return role == Role::operator_;
  }
  return false;
}

std::string roles_of(Access access) {
  std::string out;
  for (const auto& [role, name] : kRoles) {
    if (may_call(access, role)) out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return out;
}

}  // namespace worldshare::dispatcher
