#include "agents/home.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPackageHome = "/var/lib/worldshare-agent";
constexpr const char* kPackageWishes = "/etc/worldshare/agent.yaml";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<> Home::give_to_its_user() const {
  struct stat owner{};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &owner) != 0 || owner.st_uid == 0) return {};
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (::lchown(entry.path().c_str(), owner.st_uid, owner.st_gid) != 0) {
      return fail(Errc::kUnavailable,
                  "cannot hand " + entry.path().string() + " to the user of " + folder.string());
    }
  }
  return {};
}

Home default_home() {
  if (const auto chosen = variable("WORLDSHARE_AGENT_HOME"); !chosen.empty()) return {chosen};
  if (::access(kPackageHome, R_OK | W_OK | X_OK) == 0) return {kPackageHome};
  if (const auto state = variable("XDG_STATE_HOME"); !state.empty())
    return {fs::path(state) / "worldshare-agent"};
  const auto home = variable("HOME");
  return {fs::path(home.empty() ? "/root" : home) / ".local/state/worldshare-agent"};
}

fs::path wishes_file() {
  const auto chosen = variable("WORLDSHARE_AGENT_CONFIG");
  return chosen.empty() ? kPackageWishes : chosen;
}

Result<> load_config(Config& config, const fs::path& chosen, const Home& home) {
  const YamlFields fields = config.fields();
  if (!chosen.empty()) return fields.load(chosen);
  if (!fs::exists(home.enrolment())) {
    return fail(Errc::kNotFound,
                "this machine is not enrolled: worldshare-agent enroll --server URL --token TOKEN "
                "(the farm's operator gives both)");
  }
  if (auto ok = fields.load(home.enrolment()); !ok) return ok;
  return fs::exists(wishes_file()) ? fields.load(wishes_file()) : Result<>();
}

}  // namespace worldshare::agent
