#include "dispatcher/nodes/broker_roster.h"

#include "dispatcher/nodes/broker_reload.h"
#include "dispatcher/nodes/enrolment.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

// Released with the transaction.
constexpr const char* kRosterLock = "select pg_advisory_xact_lock(-1002)";

}  // namespace

Result<bool> publish_agents(pg::Connection& pg, const Config& config, std::string& known) {
  if (config.agents_conf_file.empty()) return false;
  if (!config.broker_pid_file.empty() && config.broker_monitor_url.empty())
    return fail(Errc::kInvalid, "nats.broker_monitor_url: is needed with nats.broker_pid_file");
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto locked = transaction->exec(kRosterLock); !locked) return std::unexpected(locked.error());
  auto text = agents_conf_text(*transaction);
  if (!text) return std::unexpected(text.error());
  if (*text == known) return false;
  known.clear();
  if (auto ok = write_file_atomically(config.agents_conf_file, *text, 0640); !ok)
    return std::unexpected(ok.error());
  if (!config.broker_pid_file.empty()) {
    if (auto ok = reload_broker(config.broker_pid_file, config.broker_monitor_url); !ok)
      return std::unexpected(ok.error());
  }
  known = std::move(*text);
  return true;
}

void BrokerRoster::run(std::stop_token stop) {
  if (config_.agents_conf_file.empty()) return;
  while (!stop.stop_requested()) {
    const auto told = publish_agents(pg_, config_, known_);
    if (!told) {
      spdlog::warn("the broker's list of agents is not up to date reason=\"{}\"",
                   told.error().message);
    } else if (*told) {
      spdlog::info("the broker has the list of agents bytes={}", known_.size());
    }
    if (!sleep_unless_stopped(stop, config_.broker_reload)) return;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, config_.broker_poll, [this] { return woken_; });
    woken_ = false;
  }
}

void BrokerRoster::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

}  // namespace worldshare::dispatcher
