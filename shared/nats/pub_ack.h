#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "shared/nats/connection.h"

/// Private to shared/nats: the answers of JetStream's API.
namespace worldshare::nats {

/// JetStream's answer to a call of its API ("CONSUMER.INFO.x.y"). An error that it answers with is
/// the error; others as Connection::request().
Result<boost::json::object> ask_api(Connection& connection,
                                    const std::string& call,
                                    const std::string& body,
                                    std::chrono::milliseconds timeout);
/// The "error" object of an answer as an Error; nothing when there is none.
std::optional<Error> api_error(const boost::json::object& answer);
Result<boost::json::object> parse_answer(std::string_view text);
Result<PubAck> parse_pub_ack(std::string_view text);

}  // namespace worldshare::nats
