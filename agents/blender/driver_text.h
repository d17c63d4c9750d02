#pragma once

#include <string_view>

namespace worldshare::agent {

/// The scripts of this folder, as they were when the program was built.
extern const std::string_view kAuditText;
extern const std::string_view kDevicesText;
extern const std::string_view kDriverText;
extern const std::string_view kFramePartsText;
extern const std::string_view kSceneReportText;
extern const std::string_view kSelfTestText;

}  // namespace worldshare::agent
