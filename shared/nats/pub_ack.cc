#include "shared/nats/pub_ack.h"

#include <boost/json.hpp>

namespace worldshare::nats {
namespace {

constexpr std::int64_t kWrongLastSequence = 10071;

std::int64_t integer(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code ignored;
  return value->to_number<std::int64_t>(ignored);
}

std::string text_of(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

Errc errc_of(std::int64_t code, std::int64_t error_code) {
  if (error_code == kWrongLastSequence) return Errc::kConflict;
  if (code == 404) return Errc::kNotFound;
  if (code == 403) return Errc::kDenied;
  if (code == 408) return Errc::kTimeout;
  return code >= 500 ? Errc::kUnavailable : Errc::kInvalid;
}

}  // namespace

Result<boost::json::object> parse_answer(std::string_view text) {
  boost::system::error_code error;
  auto value = boost::json::parse(text, error);
  if (error || !value.is_object())
    return fail(Errc::kCorrupt, "JetStream's answer is not a JSON object");
  return std::move(value.get_object());
}

Result<boost::json::object> ask_api(Connection& connection,
                                    const std::string& call,
                                    const std::string& body,
                                    std::chrono::milliseconds timeout) {
  auto answer = connection.request("$JS.API." + call, as_bytes(body), timeout);
  if (!answer) return std::unexpected(answer.error());
  auto object = parse_answer(as_text(answer->data()));
  if (!object) return std::unexpected(object.error());
  if (auto error = api_error(*object)) return std::unexpected(std::move(*error));
  return object;
}

std::optional<Error> api_error(const boost::json::object& answer) {
  const auto* error = answer.if_contains("error");
  if (error == nullptr || !error->is_object()) return std::nullopt;
  const auto& object = error->get_object();
  const auto error_code = integer(object, "err_code");
  return Error{errc_of(integer(object, "code"), error_code),
               text_of(object, "description") + " [" + std::to_string(error_code) + "]"};
}

Result<PubAck> parse_pub_ack(std::string_view text) {
  auto answer = parse_answer(text);
  if (!answer) return std::unexpected(answer.error());
  if (auto error = api_error(*answer)) return std::unexpected(std::move(*error));
  PubAck ack;
  ack.stream = text_of(*answer, "stream");
  ack.sequence = static_cast<std::uint64_t>(integer(*answer, "seq"));
  const auto* duplicate = answer->if_contains("duplicate");
  ack.duplicate = duplicate != nullptr && duplicate->is_bool() && duplicate->get_bool();
  if (ack.stream.empty())
    return fail(Errc::kCorrupt, "the answer to a stored publish names no stream");
  return ack;
}

}  // namespace worldshare::nats
