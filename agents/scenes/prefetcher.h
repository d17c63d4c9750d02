#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "agents/scenes/scene_cache.h"
#include "shared/http/client.h"
#include "work_types.h"

namespace worldshare::agent {

/// Fetches the scene that the farm says is likely next, while units render. One at a time; the
/// latest hint is the one that counts. Nothing waits for it, and what it cannot fetch is fetched
/// when it is needed. Thread-safe.
class Prefetcher {
 public:
  /// `scenes` must outlive this.
  Prefetcher(SceneCache& scenes, http::ClientOptions web);
  /// Gives up what it is on.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  void fetch(wire::NextSceneT next);
  /// `sha256` is needed now: whatever else is being fetched ahead leaves it the line.
  void give_way(const std::string& sha256);

 private:
  void loop(const std::stop_token& end);
  void fetch_now(const wire::NextSceneT& next, const std::stop_token& stop);

  SceneCache& scenes_;
  const http::ClientOptions web_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<wire::NextSceneT> waiting_;  // by mutex_
  std::string current_;                      // by mutex_: sha256 under way
  std::stop_source current_stop_;            // by mutex_
  std::jthread thread_;                      // last: ends first
};

}  // namespace worldshare::agent
