#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>

#include "agents/blender/blender_worker.h"

namespace worldshare::agent {

/// When a warm Blender is replaced, between two units.
struct WarmLimits {
  std::uint32_t units = 1'000;
  std::chrono::milliseconds age{std::chrono::hours(6)};
  std::uint64_t growth_bytes = 512ULL << 20;  ///< over what it had after its second unit
};

/// Keeps one Blender warm for as long as the scene stays the same (Cycles only), and tries a frame
/// once more in a fresh Blender after a crash. One that told of a fault renders nothing more.
/// Thread-confined: the Blender ends with the thread that rendered first.
class Renderer {
 public:
  explicit Renderer(BlenderOptions options, WarmLimits limits = {})
      : options_(std::move(options)), limits_(limits) {}

  RenderOutcome render(const std::filesystem::path& scene,
                       const RenderRequest& request,
                       const RenderObserver& observer,
                       std::stop_token stop);
  /// Ends the warm Blender.
  void release() { worker_.reset(); }
  /// Of the warm Blender, 0 when there is none.
  pid_t pid() const { return worker_ ? worker_->pid() : 0; }

 private:
  RenderOutcome render_once(const std::filesystem::path& scene,
                            const RenderRequest& request,
                            const RenderObserver& observer,
                            const std::stop_token& stop);
  void drop_dead_worker();
  void drop_faulty_worker(const RenderOutcome& outcome);
  void drop_spent_worker(const RenderRequest& request);
  /// Why the warm Blender is replaced; empty: it is not.
  std::string spent() const;
  void note(const RenderOutcome& outcome);

  BlenderOptions options_;
  const WarmLimits limits_;
  std::unique_ptr<BlenderWorker> worker_;
  std::uint32_t units_ = 0;  ///< of the warm Blender
  std::chrono::steady_clock::time_point started_;
  std::uint64_t first_memory_ = 0;  ///< after its second unit: the first still fills caches
  std::uint64_t memory_ = 0;
};

}  // namespace worldshare::agent
