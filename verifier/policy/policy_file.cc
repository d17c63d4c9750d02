#include "verifier/policy/policy_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "shared/files.h"
#include "verifier/policy/parameter_keys.h"

namespace worldshare::verifier::policy {
namespace {

constexpr std::array<std::string_view, 4> kNames{"founding", "standard", "strict", "replicated"};
constexpr std::array<std::pair<std::string_view, Mode>, 3> kModes{
    {{"quorum", Mode::kQuorum}, {"evidence", Mode::kEvidence}, {"split", Mode::kSplit}}};
constexpr const char* kModesAllowed = "quorum, evidence or split";

/// One section of the file being read into a policy.
class Section {
 public:
  Section(const std::string& file,
          const std::string& name,
          Parameters& out,
          std::set<std::string>& set)
      : file_(file), name_(name), out_(out), set_(set) {}

  Result<> read(const YAML::Node& node, const std::string& prefix = "") {
    if (node.IsNull()) return {};
    if (!node.IsMap()) return wrong(node, prefix, "must be 'key: value' lines");
    for (const auto& entry : node) {
      if (!entry.first.IsScalar())
        return wrong(entry.first, prefix, "has a key that is not a text");
      const std::string key = prefix + entry.first.Scalar();
      auto ok = entry.second.IsMap() ? read(entry.second, key + ".") : value(entry, key);
      if (!ok) return ok;
    }
    return {};
  }

 private:
  template <class Entry>
  Result<> value(const Entry& entry, const std::string& key) {
    const std::string text = entry.second.IsScalar() ? entry.second.Scalar() : std::string();
    const auto known = std::ranges::find(parameter_keys(), key, &ParameterKey::name);
    if (key != "mode" && known == parameter_keys().end()) {
      return wrong(entry.first, key, "is not a key of a policy");
    }
    if (!seen_.insert(key).second) return wrong(entry.first, key, "is given twice");
    const bool good = key == "mode" ? set_mode(text) : set_number(*known, text);
    if (!good) {
      const std::string allowed = key == "mode" ? kModesAllowed : known->allowed();
      return wrong(entry.first, key, fmt::format("must be {}, not '{}'", allowed, text));
    }
    set_.insert(key);
    return {};
  }

  bool set_mode(const std::string& text) {
    const auto* found = std::ranges::find(kModes, text, &std::pair<std::string_view, Mode>::first);
    if (found == kModes.end()) return false;
    out_.mode = found->second;
    return true;
  }

  bool set_number(const ParameterKey& key, const std::string& text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    if (!key.allows(number)) return false;
    key.set(out_, number);
    return true;
  }

  Result<> wrong(const YAML::Node& node, const std::string& key, const std::string& what) const {
    return fail(Errc::kInvalid,
                fmt::format("{}:{}: {}: '{}' {}", file_, node.Mark().line + 1, name_, key, what));
  }

  const std::string& file_;
  const std::string& name_;
  Parameters& out_;
  std::set<std::string>& set_;
  std::set<std::string> seen_;
};

Result<> all_set(const std::set<std::string>& set, const std::string& where) {
  if (!set.contains("mode")) {
    return fail(Errc::kInvalid, where + ": 'mode' is missing; it must be " + kModesAllowed);
  }
  for (const ParameterKey& key : parameter_keys()) {
    const std::string name(key.name);
    if (set.contains(name)) continue;
    return fail(Errc::kInvalid,
                fmt::format("{}: '{}' is missing, here and in 'common'; it must be {}", where, name,
                            key.allowed()));
  }
  return {};
}

Result<Policies> read_root(const YAML::Node& root, const std::string& file) {
  if (!root.IsMap()) return fail(Errc::kInvalid, file + ":1: 'common' and 'policies' expected");
  for (const auto& entry : root) {
    const auto key = entry.first.as<std::string>();
    if (key == "common" || key == "policies") continue;
    return fail(Errc::kInvalid,
                fmt::format("{}:{}: unknown key '{}'; 'common' and 'policies' are known", file,
                            entry.first.Mark().line + 1, key));
  }
  Parameters common;
  std::set<std::string> common_set;
  const std::string common_name = "common";
  if (const auto node = root["common"]; node.IsDefined()) {
    auto ok = Section(file, common_name, common, common_set).read(node);
    if (!ok) return std::unexpected(ok.error());
  }
  Policies out;
  const auto policies = root["policies"];
  if (!policies.IsDefined() || !policies.IsMap()) {
    return fail(Errc::kInvalid, file + ": 'policies' is missing");
  }
  for (const auto& entry : policies) {
    const auto name = entry.first.as<std::string>();
    const std::string where = fmt::format("{}:{}: {}", file, entry.first.Mark().line + 1, name);
    if (out.contains(name)) return fail(Errc::kInvalid, where + " is given twice");
    Parameters parameters = common;
    std::set<std::string> set = common_set;
    auto ok = Section(file, name, parameters, set).read(entry.second);
    if (ok) ok = all_set(set, where);
    if (ok) ok = check(parameters, where);
    if (!ok) return std::unexpected(ok.error());
    out[name] = parameters;
  }
  for (const auto name : kNames) {
    if (out.contains(std::string(name))) continue;
    return fail(Errc::kInvalid, fmt::format("{}: 'policies.{}' is missing", file, name));
  }
  return out;
}

}  // namespace

Result<Policies> read_policies(const std::string& text, const std::string& name) {
  // yaml-cpp throws; this is the edge where its exceptions become values.
  try {
    return read_root(YAML::Load(text), name);
  } catch (const YAML::Exception& error) {
    return fail(Errc::kInvalid, fmt::format("{}:{}: {}", name, error.mark.line + 1, error.msg));
  }
}

Result<Policies> load_policies(const std::filesystem::path& path) {
  const auto text = read_file(path, 1 << 20);
  if (!text) return std::unexpected(text.error());
  return read_policies(*text, path.string());
}

Result<> check(const Parameters& parameters, const std::string& where) {
  for (const ParameterKey& key : parameter_keys()) {
    if (key.allows(key.get(parameters))) continue;
    return fail(Errc::kInvalid, fmt::format("{}: '{}' must be {}", where, key.name, key.allowed()));
  }
  const auto refuse = [&](const char* what) { return fail(Errc::kInvalid, where + ": " + what); };
  const Population& population = parameters.population;
  if (population.malicious_share_min > population.malicious_share_max) {
    return refuse(
        "'population.malicious_share_min' must be at most 'population.malicious_share_max'");
  }
  if (parameters.memory.normal_rate >= parameters.memory.changed_rate) {
    return refuse("'memory.normal_rate' must be under 'memory.changed_rate'");
  }
  if (parameters.audits.minimum > parameters.audits.maximum) {
    return refuse("'audits.minimum' must be at most 'audits.maximum'");
  }
  if (parameters.replicas.quorum > parameters.replicas.maximum) {
    return refuse("'replicas.quorum' must be at most 'replicas.maximum'");
  }
  if (parameters.mode == Mode::kSplit && parameters.audits.minimum < 1) {
    return refuse(
        "'audits.minimum' must be at least 1 where 'mode' is split: comparing halves does "
        "not show skipped samples");
  }
  return {};
}

std::string describe(const Parameters& parameters) {
  const auto* mode =
      std::ranges::find(kModes, parameters.mode, &std::pair<std::string_view, Mode>::second);
  std::map<std::string_view, std::string> lines{{"mode", std::string(mode->first)}};
  for (const ParameterKey& key : parameter_keys()) {
    lines[key.name] = fmt::format("{}", key.get(parameters));
  }
  std::string out;
  for (const auto& [key, value] : lines) out += fmt::format("{}: {}\n", key, value);
  return out;
}

}  // namespace worldshare::verifier::policy
