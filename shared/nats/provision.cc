#include "shared/nats/provision.h"

#include <boost/json.hpp>

#include "shared/log.h"
#include "shared/nats/pub_ack.h"
#include "shared/nats/stream_config.h"

namespace worldshare::nats {
namespace {

constexpr std::chrono::seconds kApiTimeout{5};

/// The "config" of an info answer; nothing when there is no such stream or consumer.
Result<std::optional<boost::json::object>> find_config(Connection& connection,
                                                       const std::string& info_subject) {
  auto info = ask_api(connection, info_subject, "", kApiTimeout);
  if (!info && info.error().code == Errc::kNotFound) return std::nullopt;
  if (!info) return std::unexpected(info.error());
  const auto* config = info->if_contains("config");
  if (config == nullptr || !config->is_object())
    return fail(Errc::kCorrupt, "JetStream's answer has no config");
  return config->get_object();
}

bool is_empty(const boost::json::value& value) {
  return (value.is_bool() && !value.get_bool()) || (value.is_int64() && value.get_int64() == 0) ||
         (value.is_string() && value.get_string().empty()) ||
         (value.is_array() && value.get_array().empty());
}

/// The server leaves out what is empty.
bool differs(const boost::json::object& actual,
             const std::string& key,
             const boost::json::value& wanted) {
  const auto* value = actual.if_contains(key);
  return value == nullptr ? !is_empty(wanted) : *value != wanted;
}

bool differs(const boost::json::object& actual, const boost::json::object& wanted) {
  for (const auto& [key, value] : wanted) {
    if (differs(actual, key, value)) return true;
  }
  return false;
}

boost::json::object merged(boost::json::object actual, const boost::json::object& wanted) {
  for (const auto& [key, value] : wanted) actual[key] = value;
  return actual;
}

Result<> provision_stream(Connection& connection, const StreamConfig& stream) {
  auto actual = find_config(connection, "STREAM.INFO." + stream.name);
  if (!actual) return std::unexpected(actual.error());
  if (*actual && !differs(**actual, stream.config)) return {};
  const std::string verb = *actual ? "UPDATE" : "CREATE";
  const auto config = *actual ? merged(**actual, stream.config) : stream.config;
  auto done = ask_api(connection, "STREAM." + verb + "." + stream.name,
                      boost::json::serialize(config), kApiTimeout);
  if (!done) return std::unexpected(done.error());
  spdlog::info("stream provisioned stream={} verb={}", stream.name, verb);
  return {};
}

Result<> provision_consumer(Connection& connection,
                            const std::string& stream,
                            const ConsumerConfig& consumer) {
  auto actual = find_config(connection, "CONSUMER.INFO." + stream + "." + consumer.name);
  if (!actual) return std::unexpected(actual.error());
  if (*actual && !differs(**actual, consumer.config)) return {};
  if (*actual) {
    const auto* filter = consumer.config.if_contains("filter_subject");
    const boost::json::value wanted = filter == nullptr ? boost::json::value("") : *filter;
    // nats-server before 2.9.14 loses messages after a filter was changed.
    if (differs(**actual, "filter_subject", wanted)) {
      return fail(Errc::kInvalid,
                  "the filter of a consumer cannot be changed; give the consumer a new name");
    }
  }
  const boost::json::object request{
      {"stream_name", stream},
      {"config", *actual ? merged(**actual, consumer.config) : consumer.config}};
  auto done = ask_api(connection, "CONSUMER.DURABLE.CREATE." + stream + "." + consumer.name,
                      boost::json::serialize(request), kApiTimeout);
  if (!done) return std::unexpected(done.error());
  spdlog::info("consumer provisioned stream={} consumer={}", stream, consumer.name);
  return {};
}

std::unexpected<Error> located(const std::filesystem::path& file,
                               int line,
                               const std::string& name,
                               const Error& error) {
  return fail(error.code,
              file.string() + ":" + std::to_string(line) + ": " + name + ": " + error.message);
}

}  // namespace

Result<> provision(Connection& connection,
                   const std::filesystem::path& streams_yaml,
                   std::uint32_t replicas) {
  auto streams = read_streams(streams_yaml);
  if (!streams) return std::unexpected(streams.error());
  for (auto& stream : *streams) {
    if (replicas > 0) stream.config["num_replicas"] = static_cast<std::int64_t>(replicas);
    if (auto done = provision_stream(connection, stream); !done) {
      return located(streams_yaml, stream.line, stream.name, done.error());
    }
    for (const auto& consumer : stream.consumers) {
      if (auto done = provision_consumer(connection, stream.name, consumer); !done) {
        return located(streams_yaml, consumer.line, consumer.name, done.error());
      }
    }
  }
  return {};
}

}  // namespace worldshare::nats
