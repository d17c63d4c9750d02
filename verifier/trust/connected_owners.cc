#include "verifier/trust/connected_owners.h"

namespace worldshare::verifier {
namespace {

constexpr std::chrono::seconds kRemembered{5};

// Who was here a moment ago counts: whoever cuts volunteers off for a while must not make a farm
// small in which fewer of them decide.
#define WS_HERE \
  "a.standing = 'enabled' and (a.online or a.last_seen_at > now() - interval '15 minutes')"

constexpr const char* kOwners = "select distinct a.owner from agents a where " WS_HERE R"(
     and not exists (select from trust t where t.owner = a.owner and (t.trusted or t.state <> 'active')) limit $1)";

constexpr const char* kTrusted =
    "select exists (select from trust t join agents a on a.owner = t.owner "
    "where t.trusted and t.state = 'active' and " WS_HERE ")";

}  // namespace

Result<std::optional<std::vector<std::string>>> ConnectedOwners::few() {
  const auto now = std::chrono::steady_clock::now();
  if (enough_ == 0 || now < enough_until_) return std::nullopt;
  const auto rows = connection_.exec(kOwners, {std::int64_t{enough_}});
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> owners;
  for (int row = 0; row < rows->size(); ++row) owners.push_back(rows->str(row, 0));
  if (owners.size() >= enough_) enough_until_ = now + kRemembered;
  if (owners.size() >= enough_ || owners.empty()) return std::nullopt;
  return owners;
}

Result<bool> ConnectedOwners::trusted() {
  const auto now = std::chrono::steady_clock::now();
  if (now < trusted_until_) return true;
  const auto rows = connection_.exec(kTrusted);
  if (!rows) return std::unexpected(rows.error());
  const bool found = rows->boolean(0, 0);
  if (found) trusted_until_ = now + kRemembered;
  return found;
}

}  // namespace worldshare::verifier
