#include "shared/nats/stream_reader.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "shared/ids.h"
#include "shared/nats/pub_ack.h"

namespace worldshare::nats {
namespace {

using namespace std::chrono_literals;

constexpr auto kReaderTimeout = 2000ms;
constexpr auto kReaderHeartbeat = 5s;
constexpr auto kReaderSilence = 3 * kReaderHeartbeat;

std::uint64_t number(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::uint64_t>();
}

/// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>...
struct Position {
  std::uint64_t stream = 0;
  std::uint64_t consumer = 0;
};
std::optional<Position> position(std::string_view reply) {
  std::array<std::string_view, 7> tokens;
  for (auto& token : tokens) {
    const auto end = std::min(reply.find('.'), reply.size());
    token = reply.substr(0, end);
    reply.remove_prefix(std::min(end + 1, reply.size()));
  }
  Position out;
  const auto read = [](std::string_view text, std::uint64_t& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  };
  const bool ok =
      tokens[1] == "ACK" && read(tokens[5], out.stream) && read(tokens[6], out.consumer);
  return ok ? std::optional(out) : std::nullopt;
}

}  // namespace

Result<StreamReader> StreamReader::open(Connection& connection,
                                        const std::string& stream,
                                        std::uint64_t from) {
  const std::string inbox = connection.inbox_prefix() + "." + new_id();
  auto subscription = connection.subscribe(inbox);
  if (!subscription) return std::unexpected(subscription.error());
  const auto nanoseconds = [](auto time) { return std::chrono::nanoseconds(time).count(); };
  const boost::json::object config = {
      {"description", "A gateway that shows what happens; gone with it"},
      {"deliver_subject", inbox},
      {"deliver_policy", "by_start_sequence"},
      {"opt_start_seq", std::max<std::uint64_t>(from, 1)},
      {"ack_policy", "none"},
      {"max_deliver", 1},
      {"replay_policy", "instant"},
      {"idle_heartbeat", nanoseconds(kReaderHeartbeat)},
      {"inactive_threshold", nanoseconds(2 * kReaderSilence)},
      {"mem_storage", true},
      {"num_replicas", 1}};
  const boost::json::object request = {{"stream_name", stream}, {"config", config}};
  auto made = ask_api(connection, "CONSUMER.CREATE." + stream, boost::json::serialize(request),
                      kReaderTimeout);
  if (!made) return std::unexpected(made.error());
  return StreamReader(std::move(*subscription));
}

Result<std::optional<StreamReader::Item>> StreamReader::next(std::chrono::milliseconds timeout) {
  auto message = subscription_.next(timeout);
  if (!message) return std::unexpected(message.error());
  const auto now = std::chrono::steady_clock::now();
  if (!*message) {
    if (now - heard_ > kReaderSilence) return fail(Errc::kUnavailable, "the broker fell silent");
    return std::nullopt;
  }
  heard_ = now;
  const auto at = position((*message)->reply());
  if (!at) return std::nullopt;  // the broker's heartbeat
  if (at->consumer != ++delivered_)
    return fail(Errc::kUnavailable, "messages were lost on the way");
  return Item{at->stream, std::move(**message)};
}

Result<StreamRange> stream_range(Connection& connection, const std::string& stream) {
  auto info = ask_api(connection, "STREAM.INFO." + stream, "", kReaderTimeout);
  if (!info) return std::unexpected(info.error());
  const auto* state = info->if_contains("state");
  if (state == nullptr || !state->is_object())
    return fail(Errc::kCorrupt, "JetStream's answer has no state");
  return StreamRange{number(state->get_object(), "first_seq"),
                     number(state->get_object(), "last_seq")};
}

}  // namespace worldshare::nats
