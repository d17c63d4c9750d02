#include "cli/embedded/supervisor.h"

#include <algorithm>
#include <future>

#include "shared/log.h"

namespace worldshare::cli {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kLook = 50ms;
constexpr auto kFirstPause = 200ms;
constexpr auto kLongestPause = 2000ms;
constexpr auto kSettled = 10s;
constexpr auto kShortLife = 5s;
constexpr int kTooManyShortLives = 8;

}  // namespace

Supervisor::Supervisor() : thread_([this](std::stop_token stop) { loop(stop); }) {}

Supervisor::~Supervisor() { stop_all(); }

void Supervisor::stop_all() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Supervisor::loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kLook, [&] { return !tasks_.empty(); });
    if (!tasks_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      continue;
    }
    lock.unlock();
    for (auto& running : services_) look_after(running);
  }
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    tasks_.clear();
  }
  for (auto running = services_.rbegin(); running != services_.rend(); ++running) {
    if (running->process)
      running->process->stop(running->service.stop_signal, running->service.grace);
  }
  services_.clear();
}

Result<> Supervisor::start(Running& running) {
  auto process = Process::spawn(running.service.process);
  if (!process) return std::unexpected(process.error());
  running.process = std::make_unique<Process>(std::move(*process));
  running.started = SteadyClock::now();
  ++running.starts;
  const std::lock_guard lock(mutex_);
  starts_[running.service.name] = running.starts;
  return {};
}

void Supervisor::look_after(Running& running) {
  const auto now = SteadyClock::now();
  if (running.process) {
    const auto status = running.process->poll();
    if (!status) {
      if (now - running.started > kSettled) running.pause = kFirstPause;
      return;
    }
    spdlog::debug("service ended name={} how=\"{}\"", running.service.name,
                  describe_wait_status(*status));
    running.process.reset();
    running.short_lives = now - running.started < kShortLife ? running.short_lives + 1 : 0;
    if (running.short_lives >= kTooManyShortLives) {
      const std::lock_guard lock(mutex_);
      broken_ = running.service.name + " does not stay up (" + describe_wait_status(*status) +
                "); see " + running.service.process.output_file.string();
    }
    running.next_start = now + running.pause;
    running.pause = std::min<std::chrono::milliseconds>(running.pause * 2, kLongestPause);
  }
  if (now < running.next_start) return;
  if (auto ok = start(running); !ok) {
    spdlog::error("service cannot start name={} error=\"{}\"", running.service.name,
                  ok.error().message);
    running.next_start = now + kLongestPause;
  }
}

Result<> Supervisor::on_thread(std::function<Result<>()> work) {
  auto task = std::make_shared<std::packaged_task<Result<>()>>(std::move(work));
  auto answer = task->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return fail(Errc::kUnavailable, "stopping");
    tasks_.push_back([task] { (*task)(); });
  }
  changed_.notify_all();
  while (answer.wait_for(kLook) != std::future_status::ready) {
    const std::lock_guard lock(mutex_);
    if (ended_) return fail(Errc::kUnavailable, "stopping");
  }
  return answer.get();
}

Result<> Supervisor::keep(Service service) {
  return on_thread([this, service = std::move(service)] {
    Running running;
    running.service = service;
    auto ok = start(running);
    if (ok) services_.push_back(std::move(running));
    return ok;
  });
}

Result<> Supervisor::run_once(const std::string& name,
                              const ProcessOptions& options,
                              std::chrono::milliseconds limit) {
  return on_thread([&name, &options, limit]() -> Result<> {
    auto process = Process::spawn(options);
    if (!process) return std::unexpected(process.error());
    const auto status = process->wait(limit);
    if (status && *status == 0) return {};
    const std::string how = status ? describe_wait_status(*status) : "no end within its time";
    return fail(Errc::kInternal,
                name + " failed (" + how + "); see " + options.output_file.string());
  });
}

std::string Supervisor::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

int Supervisor::starts(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = starts_.find(name);
  return found == starts_.end() ? 0 : found->second;
}

}  // namespace worldshare::cli
