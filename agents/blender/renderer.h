#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>

#include "agents/blender/blender_worker.h"

namespace worldshare::agent {

/// Keeps one Blender warm for as long as the scene stays the same (Cycles only), and tries a frame
/// once more in a fresh Blender after a crash. Thread-confined: the Blender ends with the thread
/// that rendered first.
class Renderer {
 public:
  explicit Renderer(BlenderOptions options) : options_(std::move(options)) {}

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
  BlenderOptions options_;
  std::unique_ptr<BlenderWorker> worker_;
  bool rendered_ = false;  ///< the warm Blender has rendered something
};

}  // namespace worldshare::agent
