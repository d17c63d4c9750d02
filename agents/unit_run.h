#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "agents/blender/renderer.h"
#include "agents/config.h"
#include "agents/dispatcher_client.h"
#include "agents/lease_book.h"
#include "agents/machine_trouble.h"
#include "agents/scenes/prefetcher.h"
#include "agents/scenes/scene_cache.h"
#include "agents/work_history.h"
#include "shared/bytes.h"
#include "shared/crypto.h"
#include "work_types.h"

namespace worldshare::agent {

/// What all slots of an agent share; owned by the Agent, which outlives them.
struct SlotServices {
  const Config& config;
  const NKey& key;
  const Sandbox& sandbox;
  const http::ClientOptions web;  ///< with the caps of all slots together
  const std::string blender;      ///< its version
  DispatcherClient& dispatcher;
  SceneCache& scenes;
  LeaseBook& book;
  WorkHistory& history;
  MachineTrouble& trouble;
  Prefetcher& prefetcher;
};

/// What a slot keeps between units. The scene stays held while a Blender has it loaded.
struct WarmBlender {
  WarmBlender(const SlotPlan& of, BlenderOptions options, WarmLimits limits)
      : plan(of), renderer(std::move(options), limits) {}
  const SlotPlan& plan;
  std::optional<SceneCache::Hold> scene;
  Renderer renderer;
};

/// One lease from its assignment to its stored result. Used by one thread, once.
class UnitRun {
 public:
  UnitRun(SlotServices& services,
          WarmBlender& blender,
          const wire::AssignmentT& assignment,
          std::stop_token stop);

  /// True when a result was stored; false when the lease ended before.
  bool run();

 private:
  Result<SceneCache::Hold> fetch_scene();
  Result<> download(const std::filesystem::path& part);
  /// The result to report; `artifact_` holds the image when it is a rendered one.
  wire::ResultT render(SceneCache::Hold scene);
  wire::ResultT render_frames(const std::filesystem::path& scene, RenderRequest unit);
  Result<> upload();
  Result<> upload_once(const wire::UploadRequestT& request);
  /// What is wrong with this machine when a unit failed for its sake; empty: the unit is to blame.
  std::string machines_fault(const wire::ResultT& result) const;
  /// Always false.
  bool hand_back(const std::string& reason);
  bool report(const wire::ResultT& result);
  void remember(const wire::ResultT& result);
  /// What it could have used, when memory was what it lacked.
  std::string memory_hint(const std::string& code) const;
  wire::ResultT new_result() const;
  wire::ResultT failed(const std::string& code,
                       const std::string& error,
                       const std::string& log_tail) const;
  Result<RenderRequest> request() const;
  http::ClientOptions web() const;

  SlotServices& services_;
  WarmBlender& blender_;
  const wire::AssignmentT& assignment_;
  const std::stop_token stop_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::chrono::steady_clock::time_point deadline_;
  std::string scene_url_;
  Bytes artifact_;
};

}  // namespace worldshare::agent
