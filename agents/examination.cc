#include "agents/examination.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <iterator>

#include "agents/devices/device_findings.h"
#include "shared/clock.h"
#include "shared/files.h"
#include "shared/http/client.h"
#include "shared/nats/connection.h"
#include "shared/nats/examine_broker.h"
#include "shared/nats/jwt/jwt_summary.h"

namespace worldshare::agent {
namespace {

using Grade = Finding::Grade;
using Findings = std::vector<Finding>;

constexpr std::uint64_t kLeastFree = 2ULL << 30;
constexpr double kClockWarning = 30;  // seconds off
constexpr double kClockBad = 600;
constexpr double kDay = 24 * 3600;
constexpr double kGiB = 1024.0 * 1024 * 1024;

Finding good(const char* what, std::string seen) {
  return {what, Grade::good, std::move(seen), {}};
}

Finding bad(const char* what, std::string seen, std::string remedy) {
  return {what, Grade::bad, std::move(seen), std::move(remedy)};
}

Finding config_finding(const Config& config) {
  if (auto ok = config.check(); !ok)
    return bad("config", ok.error().message, "change this key in agent.yaml");
  return good("config", "its values fit together");
}

Finding key_finding(const Config& config) {
  const auto key = NKey::load(config.seed_file);
  if (key) return good("key", key->public_key());
  return bad("key", key.error().message,
             key.error().code == Errc::kDenied
                 ? "chmod 600 " + config.seed_file.string()
                 : "worldshare-agent enroll --server URL --token TOKEN");
}

Finding sandbox_finding(const Config& config, bool& works) {
  const auto sandbox = Sandbox::open(config.sandbox_of_slots());
  works = sandbox.has_value();
  if (!sandbox) {
    return bad(
        "sandbox", sandbox.error().message,
        "install bubblewrap (apt install bubblewrap); in a container, allow user namespaces");
  }
  if (sandbox->confines()) return good("sandbox", "bubblewrap confines Blender");
  return {"sandbox", Grade::warning, "scenes run unconfined",
          "set sandbox.mode: required, and install bubblewrap"};
}

Finding disk_finding(const Config& config) {
  // The agent makes its folder at its first start.
  auto folder = std::filesystem::absolute(config.state_folder);
  while (!std::filesystem::exists(folder) && folder.has_relative_path())
    folder = folder.parent_path();
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) {
    return bad("disk", "there is no " + folder.string(),
               "create it, or choose another agent.state_folder");
  }
  const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const std::uint64_t wanted = config.cache_bytes + config.slots * config.scratch_bytes;
  const std::string seen = fmt::format(
      "{:.1f} GiB free in {}, the limits allow {:.1f} GiB", static_cast<double>(free) / kGiB,
      config.state_folder.string(), static_cast<double>(wanted) / kGiB);
  if (free < kLeastFree)
    return bad("disk", seen, "free some space, or choose another agent.state_folder");
  if (free < wanted)
    return {"disk", Grade::warning, seen, "lower limits.cache_bytes and limits.scratch_bytes"};
  return good("disk", seen);
}

/// The HTTP date of an answer as unix seconds; 0 when there is none.
double date_of(const http::Response& response) {
  const auto field = response.headers.find("date");
  std::tm parts{};
  if (field == response.headers.end() ||
      ::strptime(field->second.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr)
    return 0;
  return static_cast<double>(::timegm(&parts));
}

Finding clock_finding(double server_time) {
  const double own = static_cast<double>(unix_ms(SystemClock().now())) / 1000;
  const double off = own - server_time;
  const std::string seen =
      fmt::format("{:.0f} s {} the server's", std::abs(off), off < 0 ? "behind" : "ahead of");
  if (std::abs(off) < kClockWarning) return good("clock", seen);
  return {"clock", std::abs(off) < kClockBad ? Grade::warning : Grade::bad, seen,
          "set the clock: apt install systemd-timesyncd, or timedatectl set-ntp true"};
}

void add_server(const Config& config, Findings& findings) {
  if (config.farm_server.empty()) return;
  auto options = config.web();
  options.timeout = std::chrono::seconds(10);
  const auto health = http::get(config.farm_server + "/health", options);
  if (!health) {
    findings.push_back(bad("server", health.error().message,
                           health.error().code == Errc::kDenied
                               ? "see above; `worldshare-agent enroll --ca FILE` keeps a CA file"
                               : "check the network, the name and the firewall; then ask the "
                                 "farm's operator"));
    return;
  }
  findings.push_back(good("server", config.farm_server + " answers"));
  if (const double time = date_of(*health); time > 0) findings.push_back(clock_finding(time));
}

Finding broker_finding(const Config& config) {
  const auto key = NKey::load(config.seed_file);
  if (!key) return {"broker", Grade::warning, "not tried without a key", "see above"};
  const auto opened = nats::Connection::open(config.broker(*key));
  if (opened) return good("broker", config.nats_url + " lets this agent in");
  if (opened.error().code == Errc::kDenied) {
    return bad("broker", opened.error().message,
               "this agent is not enrolled there, or was revoked: ask the farm's operator for a "
               "token, then worldshare-agent enroll");
  }
  return bad("broker", opened.error().message,
             "check the network and the firewall (outgoing TCP to the broker's port); then ask the "
             "farm's operator");
}

/// What the broker asks for beside the key.
void add_credential(const Config& config, Findings& findings) {
  if (config.nats_jwt_file.empty()) return;
  const std::string file = config.nats_jwt_file.string();
  const auto text = read_file(config.nats_jwt_file, 64 * 1024);
  const auto jwt = text ? nats::read_jwt(*text) : std::nullopt;
  const char* remedy =
      "start the agent, which renews it as soon as the server answers; if that is "
      "denied, ask the farm's operator for a token, then worldshare-agent enroll";
  if (!jwt) {
    findings.push_back(bad("credential", file + " holds no JWT", remedy));
    return;
  }
  const double left =
      static_cast<double>(jwt->expires) - static_cast<double>(unix_ms(SystemClock().now())) / 1000;
  if (jwt->expires == 0) {
    findings.push_back(good("credential", "does not expire"));
  } else if (left > 0) {
    findings.push_back(good("credential", fmt::format("expires in {:.1f} days", left / kDay)));
  } else {
    findings.push_back(
        bad("credential", fmt::format("{} expired {:.1f} days ago", file, -left / kDay), remedy));
  }
}

void add_broker(const Config& config, Findings& findings) {
  if (config.nats_url.starts_with("tls://")) {
    const auto seen =
        nats::examine_broker(config.nats_url, config.nats_ca_file, std::chrono::seconds(5));
    if (seen) {
      findings.push_back(good("tls", "the broker's certificate is good"));
    } else {
      findings.push_back(bad("tls", seen.error().message,
                             "as it says; an agent that was enrolled anew has the farm's "
                             "present authority"));
      return;
    }
  }
  findings.push_back(broker_finding(config));
}

const char* word(Grade grade) {
  switch (grade) {
    case Grade::good: return "ok";
    case Grade::warning: return "warning";
    case Grade::bad: return "bad";
  }
  return "";
}

}  // namespace

Findings examine(const Config& config) {
  Findings out{config_finding(config), key_finding(config)};
  bool sandbox = false;
  out.push_back(sandbox_finding(config, sandbox));
  if (sandbox) std::ranges::move(device_findings(config), std::back_inserter(out));
  out.push_back(disk_finding(config));
  if (const auto caps = config.bandwidth(); !caps.empty()) out.push_back(good("limits", caps));
  add_server(config, out);
  add_credential(config, out);
  add_broker(config, out);
  return out;
}

bool is_healthy(const Findings& findings) {
  return std::ranges::none_of(findings,
                              [](const Finding& finding) { return finding.grade == Grade::bad; });
}

std::string to_json(const Findings& findings) {
  boost::json::array lines;
  for (const auto& finding : findings) {
    lines.push_back(boost::json::object{{"what", finding.what},
                                        {"grade", word(finding.grade)},
                                        {"seen", finding.seen},
                                        {"remedy", finding.remedy}});
  }
  return boost::json::serialize(
      boost::json::object{{"healthy", is_healthy(findings)}, {"findings", std::move(lines)}});
}

std::string to_text(const Findings& findings) {
  std::string out;
  for (const auto& finding : findings) {
    out += fmt::format("{:<8} {:<8} {}\n", word(finding.grade), finding.what, finding.seen);
    if (!finding.remedy.empty()) out += fmt::format("{:18}-> {}\n", "", finding.remedy);
  }
  return out;
}

}  // namespace worldshare::agent
