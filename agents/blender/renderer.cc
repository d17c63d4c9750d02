#include "agents/blender/renderer.h"

#include <spdlog/spdlog.h>

namespace worldshare::agent {

RenderOutcome Renderer::render(const std::filesystem::path& scene,
                               const RenderRequest& request,
                               const RenderObserver& observer,
                               std::stop_token stop) {
  RenderOutcome outcome = render_once(scene, request, observer, stop);
  if (outcome.end == RenderEnd::kCrashed && !stop.stop_requested()) {
    spdlog::warn("blender crashed, trying once more frame={} reason=\"{}\"", request.frame,
                 outcome.error);
    outcome = render_once(scene, request, observer, stop);
  }
  return outcome;
}

RenderOutcome Renderer::render_once(const std::filesystem::path& scene,
                                    const RenderRequest& request,
                                    const RenderObserver& observer,
                                    const std::stop_token& stop) {
  // Workbench and Eevee draw through OpenGL, and the second render of a process differs from the
  // first by one level in some pixels (Blender 3.4): only a first render equals `blender -a`.
  if (worker_ && rendered_ && request.engine != wire::Engine::cycles) worker_.reset();
  if (worker_ && worker_->scene() != scene) worker_.reset();
  if (worker_ && !worker_->alive()) drop_dead_worker();
  if (!worker_) {
    auto started = BlenderWorker::start(options_, scene);
    if (!started) {
      RenderOutcome out;
      out.code = "blender_unavailable";
      out.error = started.error().message;
      return out;
    }
    worker_ = std::move(*started);
    rendered_ = false;
  }
  rendered_ = true;
  RenderOutcome outcome = worker_->render(request, observer, stop);
  if (!worker_->alive()) drop_dead_worker();
  return outcome;
}

void Renderer::drop_dead_worker() {
  spdlog::info("blender is gone pid={} reason=\"{}\"", worker_->pid(), worker_->end());
  worker_.reset();
}

}  // namespace worldshare::agent
