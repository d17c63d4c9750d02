#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/api_client.h"

namespace worldshare::cli {

/// What a finished job shows: a table per frame, the shares of the owners, the figures of the
/// whole.
struct Report {
  wire::JobStatusT job;
  std::vector<wire::FrameStatusT> frames;
};

/// Fetches the status of every frame of the job.
Result<Report> make_report(const ApiClient& api,
                           const std::string& job,
                           const std::vector<std::int32_t>& frames);

std::string frame_table(const Report& report);
std::string owner_table(const Report& report);
std::string summary(const Report& report);

/// Owners with at least one rejected image.
std::vector<std::string> cheaters(const Report& report);
/// Whether an accepted frame's artifact came from a replica of this owner that was not judged
/// agreed.
bool has_accepted_image_of(const Report& report, const std::string& owner);

/// Downloads the verified frames as <stem>_0001.png; returns their paths in order.
Result<std::vector<std::filesystem::path>> fetch_frames(const ApiClient& api,
                                                        const Report& report,
                                                        const std::string& stem,
                                                        const std::filesystem::path& folder);

}  // namespace worldshare::cli
