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
  if (worker_ && worker_->scene() != scene) worker_.reset();
  if (worker_ && !worker_->alive()) drop_dead_worker();
  if (worker_) drop_spent_worker(request);
  if (!worker_) {
    auto started = BlenderWorker::start(options_, scene);
    if (!started) {
      RenderOutcome out;
      out.code = "blender_unavailable";
      out.error = started.error().message;
      return out;
    }
    worker_ = std::move(*started);
    units_ = 0;
    started_ = std::chrono::steady_clock::now();
    first_memory_ = memory_ = 0;
  }
  RenderOutcome outcome = worker_->render(request, observer, stop);
  note(outcome);
  if (!worker_->alive()) drop_dead_worker();
  if (worker_ && (worker_->told_fault() || outcome.code == "device")) drop_faulty_worker(outcome);
  return outcome;
}

void Renderer::note(const RenderOutcome& outcome) {
  ++units_;
  if (outcome.memory_bytes == 0) return;
  memory_ = outcome.memory_bytes;
  if (units_ <= 2) first_memory_ = memory_;
}

std::string Renderer::spent() const {
  if (units_ >= limits_.units) return "units";
  if (std::chrono::steady_clock::now() - started_ >= limits_.age) return "age";
  if (memory_ > first_memory_ + limits_.growth_bytes) return "memory";
  return {};
}

void Renderer::drop_spent_worker(const RenderRequest& request) {
  // Workbench and Eevee draw through OpenGL, and the second render of a process differs from the
  // first by one level in some pixels (Blender 3.4): only a first render equals `blender -a`.
  if (units_ > 0 && request.engine != wire::Engine::cycles) worker_.reset();
  if (!worker_) return;
  const std::string reason = spent();
  if (reason.empty()) return;
  spdlog::info("blender is replaced pid={} by={} units={} memory_mb={}", worker_->pid(), reason,
               units_, memory_ >> 20);
  worker_.reset();
}

void Renderer::drop_faulty_worker(const RenderOutcome& outcome) {
  spdlog::info("blender is replaced pid={} by=fault code={}", worker_->pid(), outcome.code);
  worker_.reset();
}

void Renderer::drop_dead_worker() {
  spdlog::info("blender is gone pid={} reason=\"{}\"", worker_->pid(), worker_->end());
  worker_.reset();
}

}  // namespace worldshare::agent
