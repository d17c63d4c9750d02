#include "dispatcher/nodes/broker_reload.h"

#include <signal.h>

#include <boost/json.hpp>
#include <charconv>
#include <thread>

#include "shared/files.h"
#include "shared/http/client.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::seconds kPatience{60};  // 10,000 accounts take 5 s
constexpr std::chrono::milliseconds kPoll{10};

/// When the server last read its configuration, in its own words.
Result<std::string> loaded_at(const std::string& monitor_url) {
  const auto page = http::expect_ok(http::get(monitor_url + "/varz"));
  if (!page) return std::unexpected(page.error());
  boost::system::error_code error;
  const auto value = boost::json::parse(page->body, error);
  const auto* time =
      !error && value.is_object() ? value.as_object().if_contains("config_load_time") : nullptr;
  if (time == nullptr || !time->is_string())
    return fail(Errc::kUnavailable, monitor_url + " is not a nats-server's monitoring page");
  return std::string(time->as_string());
}

Result<> reload_once(pid_t pid, const std::string& monitor_url) {
  const auto before = loaded_at(monitor_url);
  if (!before) return std::unexpected(before.error());
  if (::kill(pid, SIGHUP) != 0)
    return fail(Errc::kUnavailable, "the broker's process has gone: no reload");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto now = loaded_at(monitor_url);
    if (now && *now != *before) return {};
    std::this_thread::sleep_for(kPoll);
  }
  return fail(Errc::kUnavailable,
              "the broker does not take its new configuration; its log says why");
}

}  // namespace

Result<> reload_broker(const std::filesystem::path& pid_file, const std::string& monitor_url) {
  const auto text = read_file(pid_file, 64);
  if (!text) return std::unexpected(text.error());
  pid_t pid = 0;
  std::from_chars(text->data(), text->data() + text->size(), pid);
  if (pid <= 1)
    return fail(Errc::kUnavailable,
                "cannot tell the broker to reload: no process in " + pid_file.string());
  if (auto ok = reload_once(pid, monitor_url); !ok) return ok;
  return reload_once(pid, monitor_url);
}

}  // namespace worldshare::dispatcher
