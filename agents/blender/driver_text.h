#pragma once

#include <string_view>

namespace worldshare::agent {

/// audit.py, driver.py, frame_parts.py and scene_report.py, as they were when the program was
/// built.
extern const std::string_view kAuditText;
extern const std::string_view kDriverText;
extern const std::string_view kFramePartsText;
extern const std::string_view kSceneReportText;

}  // namespace worldshare::agent
