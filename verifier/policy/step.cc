#include "verifier/policy/step.h"

#include <fmt/format.h>

namespace worldshare::verifier::policy {

std::string Step::sentence() const {
  switch (act) {
    case Act::kWait: return "waiting for replicas that were asked for";
    case Act::kAskReplica: return fmt::format("asking {} further owner(s) to render it", count);
    case Act::kAudit: return fmt::format("another volunteer audits result {}", target + 1);
    case Act::kTrustedAudit: return fmt::format("trusted hardware audits result {}", target + 1);
    case Act::kConvict: return fmt::format("result {} is proved wrong", target + 1);
    case Act::kTrustedRender:
      return "the results cannot be decided between: trusted hardware renders it";
    case Act::kAccept: break;
  }
  if (trusted) return "accepted as rendered by trusted hardware";
  return fmt::format("result {} accepted; the chance that it is wrong is put at {:.1e}", target + 1,
                     risk);
}

}  // namespace worldshare::verifier::policy
