#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agents/blender/blender_process.h"
#include "manifest_types.h"
#include "shared/messages/shard.h"
#include "shared/result.h"

namespace worldshare::agent {

/// The picture again, with few samples, and with all of them in some tiles; see audit.py.
struct AuditRequest {
  std::vector<messages::PixelBox> tiles;  ///< of the unit's own picture
  std::uint32_t samples = 1;              ///< of each pixel outside of them
};

struct RenderRequest {
  std::int32_t frame = 0;
  std::uint32_t width = 0;  ///< pixels of the whole frame; what the scene must have
  std::uint32_t height = 0;
  wire::Engine engine = wire::Engine::cycles;
  wire::ImageFormat format = wire::ImageFormat::png;  ///< what the scene must have
  /// A part of the frame, handed in as float OpenEXR; neither: the whole in the scene's format.
  std::optional<messages::Tile> tile = {};
  std::optional<messages::SampleRange> samples = {};
  /// An audit of the frame or the part, handed in as that is.
  std::optional<AuditRequest> audit = {};
  /// Of a worker that finishes: the frame's assembled float picture, an OpenEXR file.
  std::filesystem::path assembled;
  std::chrono::steady_clock::time_point deadline;
  std::string tamper;  ///< laboratory only, see agents/laboratory
};

/// As a shard of one frame.
messages::Shard shard_of(const RenderRequest& request);

/// Called on the rendering thread.
struct RenderObserver {
  std::function<void()> on_loaded = [] {};
  std::function<void(double fraction)> on_progress = [](double) {};
};

enum class RenderEnd : std::uint8_t {
  kDone,
  kFailed,   ///< a reason that the same scene will have again: `code` and `error`
  kCrashed,  ///< the Blender is gone
  kStopped,  ///< as asked; the Blender is killed
};

struct RenderOutcome {
  RenderEnd end = RenderEnd::kFailed;
  std::filesystem::path image;  ///< when done
  double seconds = 0;           ///< of the render, without loading
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t memory_bytes = 0;  ///< of the Blender after it; 0: not known
  std::string code;                ///< "missing_texture", "no_camera", "crash", "timeout", ...
  std::string error;               ///< one sentence
  std::string log_tail;
};

enum class WorkerMode : std::uint8_t {
  kRender,
  kFinish,  ///< nothing is rendered: assembled pictures become the artist's images
};

/// One warm Blender with one scene loaded, rendering frame after frame. Thread-confined; the
/// destructor kills the Blender.
class BlenderWorker {
 public:
  static Result<std::unique_ptr<BlenderWorker>> start(const BlenderOptions& options,
                                                      const std::filesystem::path& scene,
                                                      WorkerMode mode = WorkerMode::kRender);

  /// Renders one frame into the unit folder. After anything but kDone and a kFailed with alive()
  /// the worker is of no more use.
  RenderOutcome render(const RenderRequest& request,
                       const RenderObserver& observer,
                       std::stop_token stop);

  bool alive();
  /// Whether its Blender has said what is wrong with the last unit. Much of that it says once, so
  /// for the next unit only a fresh one can be believed.
  bool told_fault() const { return unit_fault_.has_value(); }
  /// How the Blender ended; "" while it runs.
  std::string end();
  pid_t pid() const { return process_.pid(); }
  const std::filesystem::path& scene() const { return process_.scene(); }

 private:
  BlenderWorker(BlenderOptions options, BlenderProcess process)
      : options_(std::move(options)), process_(std::move(process)) {}

  std::optional<RenderOutcome> wait_for(const std::string& event,
                                        const RenderRequest& request,
                                        const RenderObserver& observer,
                                        const std::stop_token& stop);
  void read_output(const RenderRequest& request, const RenderObserver& observer);
  std::optional<RenderOutcome> check_limits(const RenderRequest& request,
                                            const std::stop_token& stop);
  RenderOutcome ended(int wait_status);
  /// Ends a Blender that does not speak as our driver does.
  RenderOutcome broken(const std::string& error);
  RenderOutcome finish(RenderOutcome outcome);

  BlenderOptions options_;
  BlenderProcess process_;
  bool ready_ = false;
  std::optional<LogFault> scene_fault_;  ///< seen while loading: holds for every frame
  std::optional<LogFault> unit_fault_;
  std::chrono::steady_clock::time_point next_scratch_check_;
};

}  // namespace worldshare::agent
