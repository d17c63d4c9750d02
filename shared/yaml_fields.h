#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/result.h"

namespace worldshare {

/// Binds the keys of a flat or nested YAML mapping to the fields of a config struct.
///
///   YamlFields fields;
///   fields.add("http.listen", config.listen).add("lease.seconds", config.lease);
///   auto ok = fields.load(path);
///
/// Nested mappings are written with dots. An unknown key, a value of the wrong type or one out of
/// range stops the load with file, line and key. A key that is absent leaves the field's default.
/// The bound fields must outlive this object. Not thread-safe.
class YamlFields {
 public:
  YamlFields& add(const std::string& key, std::string& field);
  YamlFields& add(const std::string& key, std::filesystem::path& field);
  YamlFields& add(const std::string& key, bool& field);
  YamlFields& add(const std::string& key, std::uint16_t& field);
  YamlFields& add(const std::string& key, std::uint32_t& field);
  YamlFields& add(const std::string& key, std::uint64_t& field);
  YamlFields& add(const std::string& key, double& field);
  YamlFields& add(const std::string& key, std::vector<std::string>& field);
  /// A list, or one word for a list of one.
  YamlFields& add_words(const std::string& key, std::vector<std::string>& field);
  /// Given in seconds, fractions allowed, not negative.
  YamlFields& add(const std::string& key, std::chrono::milliseconds& field);
  /// As above, and shown as "***" in describe().
  YamlFields& add_secret(const std::string& key, std::string& field);

  Result<> load(const std::filesystem::path& path) const;
  Result<> load_text(const std::string& text, const std::string& name) const;
  /// The effective values, "key: value" lines in key order.
  std::string describe() const;

 private:
  struct Field {
    /// Returns an explanation of what is expected when `text` does not fit; empty when it was set.
    std::function<std::string(const std::vector<std::string>& values, bool is_list)> set;
    std::function<std::string()> get;
  };
  template <class T>
  YamlFields& add_number(const std::string& key, T& field);
  std::map<std::string, Field> fields_;
};

}  // namespace worldshare
