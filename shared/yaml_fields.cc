#include "shared/yaml_fields.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "shared/files.h"

namespace worldshare {
namespace {

bool parse_double(const std::string& text, double& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

std::string trimmed(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

template <class T>
YamlFields& YamlFields::add_number(const std::string& key, T& field) {
  fields_[key] = {
      [&field](const auto& values, bool is_list) -> std::string {
        T value{};
        const std::string& text = values.empty() ? std::string() : values[0];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (is_list || text.empty() || error != std::errc() || end != text.data() + text.size()) {
          return "a whole number from 0 to " + std::to_string(std::numeric_limits<T>::max());
        }
        field = value;
        return {};
      },
      [&field] { return std::to_string(field); }};
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, std::uint16_t& field) {
  return add_number(key, field);
}
YamlFields& YamlFields::add(const std::string& key, std::uint32_t& field) {
  return add_number(key, field);
}
YamlFields& YamlFields::add(const std::string& key, std::uint64_t& field) {
  return add_number(key, field);
}

YamlFields& YamlFields::add(const std::string& key, std::string& field) {
  fields_[key] = {[&field](const auto& values, bool is_list) -> std::string {
                    if (is_list || values.empty()) return "a text";
                    field = values[0];
                    return {};
                  },
                  [&field] { return field; }};
  return *this;
}

YamlFields& YamlFields::add_secret(const std::string& key, std::string& field) {
  add(key, field);
  fields_[key].get = [&field] { return std::string(field.empty() ? "" : "***"); };
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, std::filesystem::path& field) {
  fields_[key] = {[&field](const auto& values, bool is_list) -> std::string {
                    if (is_list || values.empty() || values[0].empty()) return "a path";
                    field = values[0];
                    return {};
                  },
                  [&field] { return field.string(); }};
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, bool& field) {
  fields_[key] = {
      [&field](const auto& values, bool is_list) -> std::string {
        if (is_list || values.empty() || (values[0] != "true" && values[0] != "false")) {
          return "true or false";
        }
        field = values[0] == "true";
        return {};
      },
      [&field] { return std::string(field ? "true" : "false"); }};
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, double& field) {
  fields_[key] = {[&field](const auto& values, bool is_list) -> std::string {
                    double value = 0;
                    if (is_list || values.empty() || !parse_double(values[0], value))
                      return "a number";
                    field = value;
                    return {};
                  },
                  [&field] { return trimmed(field); }};
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, std::chrono::milliseconds& field) {
  fields_[key] = {[&field](const auto& values, bool is_list) -> std::string {
                    double seconds = 0;
                    if (is_list || values.empty() || !parse_double(values[0], seconds) ||
                        seconds < 0 || seconds > 1e9) {
                      return "a number of seconds, 0 or more";
                    }
                    field = std::chrono::milliseconds(std::llround(seconds * 1000));
                    return {};
                  },
                  [&field] { return trimmed(static_cast<double>(field.count()) / 1000); }};
  return *this;
}

YamlFields& YamlFields::add(const std::string& key, std::vector<std::string>& field) {
  fields_[key] = {[&field](const auto& values, bool is_list) -> std::string {
                    if (!is_list) return "a list";
                    field = values;
                    return {};
                  },
                  [&field] {
                    std::string text = "[";
                    for (const auto& item : field) text += (text.size() > 1 ? ", " : "") + item;
                    return text + "]";
                  }};
  return *this;
}

YamlFields& YamlFields::add_words(const std::string& key, std::vector<std::string>& field) {
  add(key, field);
  fields_[key].set = [&field](const auto& values, bool) -> std::string {
    if (values.empty()) return "a word or a list that is not empty";
    field = values;
    return {};
  };
  return *this;
}

Result<> YamlFields::load(const std::filesystem::path& path) const {
  auto text = read_file(path, 1 << 20);
  if (!text) return std::unexpected(text.error());
  return load_text(*text, path.string());
}

Result<> YamlFields::load_text(const std::string& text, const std::string& name) const {
  // yaml-cpp throws; this is the edge where its exceptions become values.
  try {
    const YAML::Node root = YAML::Load(text);
    const auto where = [&](const YAML::Node& node) {
      return name + ":" + std::to_string(node.Mark().line + 1) + ": ";
    };
    std::string problem;
    const std::function<void(const YAML::Node&, const std::string&)> walk =
        [&](const YAML::Node& node, const std::string& prefix) {
          for (const auto& entry : node) {
            if (!problem.empty()) return;
            const std::string key = prefix + entry.first.as<std::string>();
            if (const auto field = fields_.find(key); field != fields_.end()) {
              std::vector<std::string> values;
              if (entry.second.IsScalar()) values.push_back(entry.second.Scalar());
              if (entry.second.IsSequence()) {
                for (const auto& item : entry.second) values.push_back(item.as<std::string>());
              }
              const std::string expected = field->second.set(values, entry.second.IsSequence());
              if (!expected.empty())
                problem = where(entry.first) + "'" + key + "' must be " + expected;
            } else if (entry.second.IsMap()) {
              walk(entry.second, key + ".");
            } else {
              problem = where(entry.first) + "unknown key '" + key + "'";
            }
          }
        };
    if (root.IsMap()) {
      walk(root, "");
    } else if (!root.IsNull()) {
      problem = name + ": expected 'key: value' lines";
    }
    if (!problem.empty()) return fail(Errc::kInvalid, problem);
    return {};
  } catch (const YAML::Exception& error) {
    return fail(Errc::kInvalid,
                name + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

std::string YamlFields::describe() const {
  std::string out;
  for (const auto& [key, field] : fields_) out += key + ": " + field.get() + "\n";
  return out;
}

}  // namespace worldshare
