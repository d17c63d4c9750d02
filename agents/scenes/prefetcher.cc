#include "agents/scenes/prefetcher.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace worldshare::agent {

Prefetcher::Prefetcher(SceneCache& scenes, http::ClientOptions web)
    : scenes_(scenes),
      web_(std::move(web)),
      thread_([this](const std::stop_token& end) { loop(end); }) {}

Prefetcher::~Prefetcher() { give_way({}); }

void Prefetcher::fetch(wire::NextSceneT next) {
  const std::lock_guard lock(mutex_);
  if (next.scene->sha256 == current_) return;
  waiting_ = std::move(next);
  wake_.notify_all();
}

void Prefetcher::give_way(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  if (current_ != sha256) current_stop_.request_stop();
}

void Prefetcher::loop(const std::stop_token& end) {
  while (true) {
    wire::NextSceneT next;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, end, [this] { return waiting_.has_value(); })) return;
      next = std::move(*std::exchange(waiting_, std::nullopt));
      current_ = next.scene->sha256;
      current_stop_ = std::stop_source();
      stop = current_stop_.get_token();
    }
    fetch_now(next, stop);
    const std::lock_guard lock(mutex_);
    current_.clear();
  }
}

void Prefetcher::fetch_now(const wire::NextSceneT& next, const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  http::ClientOptions web = web_;
  web.stop = stop;
  bool fetched = false;
  const auto held = scenes_.get(next.scene->sha256, next.scene->size_bytes,
                                [&](const std::filesystem::path& part) -> Result<> {
                                  fetched = true;
                                  auto got = http::expect_ok(http::get_file(
                                      next.scene_url, part, next.scene->size_bytes, web));
                                  if (!got) return std::unexpected(got.error());
                                  return {};
                                });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (!held) {
    spdlog::info("scene is not fetched ahead scene={} reason=\"{}\"", next.scene->sha256,
                 held.error().message);
  } else if (fetched) {
    spdlog::info("scene is fetched ahead scene={} size_bytes={} seconds={:.1f}", next.scene->sha256,
                 next.scene->size_bytes, took.count());
  }
}

}  // namespace worldshare::agent
