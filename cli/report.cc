#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace worldshare::cli {
namespace {

constexpr double kIdentical = 1e8;

/// Each once, though it may have rendered several parts of the frame.
std::string owners_with(const wire::FrameStatusT& frame, const std::string& state) {
  std::vector<std::string> owners;
  for (const auto& replica : frame.replicas) {
    const bool known = std::ranges::find(owners, replica->owner) != owners.end();
    if (replica->state == state && !known) owners.push_back(replica->owner);
  }
  return owners.empty() ? "-" : fmt::format("{}", fmt::join(owners, ", "));
}

/// The comparison that says most: the worst among those that agree, and the best that does not.
std::string evidence(const wire::FrameStatusT& frame, bool agree) {
  const wire::ComparisonStatusT* chosen = nullptr;
  for (const auto& comparison : frame.comparisons) {
    if (comparison->agree != agree) continue;
    if (chosen == nullptr || (comparison->psnr_db < chosen->psnr_db) == agree)
      chosen = comparison.get();
  }
  if (chosen == nullptr) return "-";
  if (chosen->psnr_db > kIdentical)
    return chosen->method == "same_blob" ? "same bytes" : "same pixels";
  const std::string figures = fmt::format("{:.1f} dB / {:.4f}", chosen->psnr_db, chosen->ssim);
  return chosen->lpips ? fmt::format("{} ({:.3f})", figures, *chosen->lpips) : figures;
}

std::string verdict(const wire::FrameStatusT& frame) {
  return frame.state == "accepted" ? "verified" : frame.state;
}

std::string extension(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(64 * 1024, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  const std::string_view bytes(head.data(), static_cast<std::size_t>(in.gcount()));
  if (bytes.starts_with("\x89PNG")) return ".png";
  if (bytes.starts_with("\xff\xd8")) return ".jpg";
  return bytes.starts_with("\x76\x2f\x31\x01") ? ".exr" : ".image";
}

}  // namespace

Result<Report> make_report(const ApiClient& api,
                           const std::string& job,
                           const std::vector<std::int32_t>& frames) {
  Report report;
  auto status = api.job(job);
  if (!status) return std::unexpected(status.error());
  report.job = std::move(*status);
  for (const std::int32_t number : frames) {
    auto frame = api.frame(job, number);
    if (!frame) return std::unexpected(frame.error());
    report.frames.push_back(std::move(*frame));
  }
  return report;
}

std::string frame_table(const Report& report) {
  std::size_t agreed = 6;
  std::size_t rejected = 8;
  for (const auto& frame : report.frames) {
    agreed = std::max(agreed, owners_with(frame, "agreed").size());
    rejected = std::max(rejected, owners_with(frame, "rejected").size());
  }
  std::string out = fmt::format("{:>6}  {:>8}  {:<{}}  {:<{}}  {:<24}  {:<24}  {}\n", "frame",
                                "replicas", "agreed", agreed, "rejected", rejected,
                                "PSNR / SSIM agreed", "disagreed (LPIPS)", "verdict");
  for (const auto& frame : report.frames) {
    const auto counted =
        std::ranges::count_if(frame.replicas, [](const auto& r) { return r->state != "expired"; });
    out += fmt::format("{:>6}  {:>8}  {:<{}}  {:<{}}  {:<24}  {:<24}  {}\n", frame.frame, counted,
                       owners_with(frame, "agreed"), agreed, owners_with(frame, "rejected"),
                       rejected, evidence(frame, true), evidence(frame, false), verdict(frame));
    if (frame.state == "failed") out += "        " + frame.reason + "\n";
  }
  return out;
}

std::string owner_table(const Report& report) {
  std::string out = fmt::format("{:<16}  {:>7}  {:>8}  {:>6}  {:>14}\n", "volunteer", "agreed",
                                "rejected", "failed", "credit (s)");
  for (const auto& owner : report.job.owners) {
    out += fmt::format("{:<16}  {:>7}  {:>8}  {:>6}  {:>14.1f}\n", owner->owner, owner->agreed,
                       owner->rejected, owner->failed, owner->credit);
  }
  return out;
}

std::string summary(const Report& report) {
  const auto& job = report.job;
  const double hours = job.elapsed_seconds / 3600;
  return fmt::format(
      "{} of {} frames verified in {:.1f} s  |  consensus rate {:.1f} %  |  {:.1f} jobs/hour  |  "
      "{:.1f} frames/min\n",
      job.frames_accepted, job.frames, job.elapsed_seconds, job.consensus_rate * 100,
      hours > 0 ? 1 / hours : 0, hours > 0 ? job.frames_accepted / hours / 60 : 0);
}

std::vector<std::string> cheaters(const Report& report) {
  std::vector<std::string> out;
  for (const auto& owner : report.job.owners) {
    if (owner->rejected > 0) out.push_back(owner->owner);
  }
  return out;
}

bool has_accepted_image_of(const Report& report, const std::string& owner) {
  return std::ranges::any_of(report.frames, [&](const auto& frame) {
    return frame.state == "accepted" &&
           std::ranges::any_of(frame.replicas, [&](const auto& replica) {
             return replica->owner == owner && replica->artifact == frame.artifact &&
                    replica->state != "expired";
           });
  });
}

Result<std::vector<std::filesystem::path>> fetch_frames(const ApiClient& api,
                                                        const Report& report,
                                                        const std::string& stem,
                                                        const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(Errc::kUnavailable, "cannot create " + folder.string() + ": " + error.message());
  std::vector<std::filesystem::path> files;
  for (const auto& frame : report.frames) {
    if (frame.state != "accepted") continue;
    const auto path = folder / fmt::format("{}_{:04}", stem, frame.frame);
    if (auto ok = api.download(frame, path); !ok) return std::unexpected(ok.error());
    const std::filesystem::path named = path.string() + extension(path);
    std::filesystem::rename(path, named, error);
    if (error)
      return fail(Errc::kUnavailable, "cannot write " + named.string() + ": " + error.message());
    files.push_back(named);
  }
  return files;
}

}  // namespace worldshare::cli
