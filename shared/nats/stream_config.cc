#include "shared/nats/stream_config.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <map>
#include <optional>

namespace worldshare::nats {
namespace {

enum class Kind { kText, kNumber, kFlag, kDuration, kTexts, kDurations };
using Keys = std::map<std::string, Kind>;

const Keys& stream_keys() {
  static const Keys keys{{"name", Kind::kText},
                         {"description", Kind::kText},
                         {"subjects", Kind::kTexts},
                         {"retention", Kind::kText},
                         {"discard", Kind::kText},
                         {"storage", Kind::kText},
                         {"max_consumers", Kind::kNumber},
                         {"max_msgs", Kind::kNumber},
                         {"max_bytes", Kind::kNumber},
                         {"max_msgs_per_subject", Kind::kNumber},
                         {"max_msg_size", Kind::kNumber},
                         {"num_replicas", Kind::kNumber},
                         {"max_age", Kind::kDuration},
                         {"duplicate_window", Kind::kDuration},
                         {"no_ack", Kind::kFlag},
                         {"allow_direct", Kind::kFlag},
                         {"allow_rollup_hdrs", Kind::kFlag},
                         {"deny_delete", Kind::kFlag},
                         {"deny_purge", Kind::kFlag},
                         {"discard_new_per_subject", Kind::kFlag}};
  return keys;
}

const Keys& consumer_keys() {
  static const Keys keys{{"durable_name", Kind::kText},   {"description", Kind::kText},
                         {"filter_subject", Kind::kText}, {"deliver_policy", Kind::kText},
                         {"ack_policy", Kind::kText},     {"replay_policy", Kind::kText},
                         {"ack_wait", Kind::kDuration},   {"max_expires", Kind::kDuration},
                         {"backoff", Kind::kDurations},   {"max_deliver", Kind::kNumber},
                         {"max_waiting", Kind::kNumber},  {"max_ack_pending", Kind::kNumber},
                         {"max_batch", Kind::kNumber},    {"max_bytes", Kind::kNumber},
                         {"num_replicas", Kind::kNumber}, {"mem_storage", Kind::kFlag},
                         {"headers_only", Kind::kFlag}};
  return keys;
}

/// "30s", "5m", "2h", "7d", "250ms" as nanoseconds.
std::optional<std::int64_t> parse_duration(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
      {{"ms", 1'000'000},
       {"s", 1'000'000'000},
       {"m", 60'000'000'000},
       {"h", 3'600'000'000'000},
       {"d", 86'400'000'000'000}}};
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0 || count > 1'000'000) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty() && count == 0) return 0;
  for (const auto& [name, size] : kUnits) {
    if (unit == name) return count * size;
  }
  return std::nullopt;
}

std::optional<boost::json::value> scalar(const YAML::Node& node, Kind kind) {
  if (!node.IsScalar()) return std::nullopt;
  if (kind == Kind::kText) return boost::json::value(node.as<std::string>());
  if (kind == Kind::kDuration) {
    const auto duration = parse_duration(node.as<std::string>());
    return duration ? std::optional<boost::json::value>(*duration) : std::nullopt;
  }
  if (kind == Kind::kNumber) {
    std::int64_t number = 0;
    return YAML::convert<std::int64_t>::decode(node, number)
               ? std::optional<boost::json::value>(number)
               : std::nullopt;
  }
  bool flag = false;
  return YAML::convert<bool>::decode(node, flag) ? std::optional<boost::json::value>(flag)
                                                 : std::nullopt;
}

std::optional<boost::json::value> convert(const YAML::Node& node, Kind kind) {
  if (kind != Kind::kTexts && kind != Kind::kDurations) return scalar(node, kind);
  if (!node.IsSequence()) return std::nullopt;
  boost::json::array items;
  for (const auto& child : node) {
    auto item = scalar(child, kind == Kind::kTexts ? Kind::kText : Kind::kDuration);
    if (!item) return std::nullopt;
    items.push_back(std::move(*item));
  }
  return boost::json::value(std::move(items));
}

/// Reads one file; the name is for messages.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Result<std::vector<StreamConfig>> streams(const YAML::Node& root) const {
    if (!root.IsMap() || root.size() != 1 || !root["streams"] || !root["streams"].IsSequence()) {
      return fail(Errc::kInvalid, at(root) + "expected a list named 'streams' and nothing else");
    }
    std::vector<StreamConfig> result;
    for (const auto& node : root["streams"]) {
      auto stream = read_stream(node);
      if (!stream) return std::unexpected(stream.error());
      result.push_back(std::move(*stream));
    }
    return result;
  }

 private:
  static int line(const YAML::Node& node) { return node.Mark().line + 1; }
  std::string at(const YAML::Node& node) const {
    return file_ + ":" + std::to_string(line(node)) + ": ";
  }

  Result<boost::json::object> fields(const YAML::Node& node,
                                     const Keys& keys,
                                     const std::string& skipped) const {
    if (!node.IsMap()) return fail(Errc::kInvalid, at(node) + "expected keys and values");
    boost::json::object config;
    for (const auto& entry : node) {
      const auto key = entry.first.as<std::string>();
      if (key == skipped) continue;
      const auto known = keys.find(key);
      if (known == keys.end())
        return fail(Errc::kInvalid, at(entry.first) + "unknown key '" + key + "'");
      auto value = convert(entry.second, known->second);
      if (!value) return fail(Errc::kInvalid, at(entry.second) + "bad value for '" + key + "'");
      config[key] = std::move(*value);
    }
    return config;
  }

  Result<std::string> name_in(const YAML::Node& node,
                              const boost::json::object& config,
                              const char* key) const {
    const auto* name = config.if_contains(key);
    if (name == nullptr || name->get_string().empty() ||
        name->get_string().find_first_of(".*> \t") != boost::json::string::npos) {
      return fail(Errc::kInvalid, at(node) + "'" + key + "' is missing or not one word");
    }
    return std::string(name->get_string());
  }

  Result<ConsumerConfig> read_consumer(const YAML::Node& node) const {
    auto config = fields(node, consumer_keys(), {});
    if (!config) return std::unexpected(config.error());
    auto name = name_in(node, *config, "durable_name");
    if (!name) return std::unexpected(name.error());
    return ConsumerConfig{*name, line(node), std::move(*config)};
  }

  Result<StreamConfig> read_stream(const YAML::Node& node) const {
    auto config = fields(node, stream_keys(), "consumers");
    if (!config) return std::unexpected(config.error());
    auto name = name_in(node, *config, "name");
    if (!name) return std::unexpected(name.error());
    StreamConfig stream{*name, line(node), std::move(*config), {}};
    const YAML::Node consumers = node["consumers"];
    if (consumers && !consumers.IsSequence())
      return fail(Errc::kInvalid, at(consumers) + "expected a list");
    for (const auto& child : consumers) {
      auto consumer = read_consumer(child);
      if (!consumer) return std::unexpected(consumer.error());
      stream.consumers.push_back(std::move(*consumer));
    }
    return stream;
  }

  std::string file_;
};

}  // namespace

Result<std::vector<StreamConfig>> read_streams(const std::filesystem::path& file) {
  try {
    return Reader(file.string()).streams(YAML::LoadFile(file.string()));
  } catch (const YAML::BadFile&) {
    return fail(Errc::kNotFound, "cannot read " + file.string());
  } catch (const YAML::Exception& error) {
    return fail(Errc::kInvalid,
                file.string() + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

}  // namespace worldshare::nats
