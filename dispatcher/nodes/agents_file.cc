#include "dispatcher/nodes/agents_file.h"

#include "dispatcher/nodes/broker_reload.h"
#include "dispatcher/nodes/enrolment.h"
#include "shared/files.h"

namespace worldshare::dispatcher {
namespace {

// Released with the transaction.
constexpr const char* kRosterLock = "select pg_advisory_xact_lock(-1002)";

}  // namespace

Result<std::string> AgentsFile::publish(pg::Connection& pg) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto locked = transaction->exec(kRosterLock); !locked) return std::unexpected(locked.error());
  auto text = agents_conf_text(*transaction);
  if (!text) return std::unexpected(text.error());
  if (*text == known_) return std::string();
  known_.clear();
  if (auto ok = write_file_atomically(config_.agents_conf_file, *text, 0640); !ok)
    return std::unexpected(ok.error());
  if (!config_.broker_pid_file.empty()) {
    if (auto ok = reload_broker(config_.broker_pid_file, config_.broker_monitor_url); !ok)
      return std::unexpected(ok.error());
  }
  known_ = std::move(*text);
  return "bytes=" + std::to_string(known_.size());
}

}  // namespace worldshare::dispatcher
