#include "agents/laboratory/tamper.h"

#include <spdlog/spdlog.h>

namespace worldshare::agent::laboratory {

Result<> check_tamper(const std::string& mode) {
  if (mode.empty() || mode == "brighten_region") return {};
  return fail(Errc::kInvalid, "laboratory.tamper must be empty or brighten_region");
}

void warn_of_tampering(const std::string& mode, const std::string& lease) {
  if (!mode.empty()) {
    spdlog::warn("laboratory: this picture is falsified on purpose mode={} lease={}", mode, lease);
  }
}

}  // namespace worldshare::agent::laboratory
