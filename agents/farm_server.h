#pragma once

#include <chrono>
#include <string>

#include "shared/http/client.h"
#include "shared/messages/messages.h"
#include "shared/retry.h"

namespace worldshare::agent {

/// POSTs a table to the farm's server and reads the answer; a server that restarts is waited for.
template <class Answer, class Question>
Result<Answer> ask_server(const std::string& url,
                          const Question& question,
                          const http::ClientOptions& options,
                          std::chrono::milliseconds patience) {
  const std::string body = messages::to_json(question);
  const auto response = retry_until<http::Response>("the server", patience, options.stop, [&] {
    return http::expect_ok(http::post(url, "application/json", body, options));
  });
  if (!response) return std::unexpected(response.error());
  auto answer = messages::parse_json<Answer>(response->body);
  if (!answer) {
    return fail(Errc::kCorrupt,
                url + " does not answer as a WorldShare server: " + answer.error().message);
  }
  return answer;
}

/// The nonce that an agent signs to prove its key.
inline Result<std::string> ask_nonce(const std::string& server,
                                     const std::string& agent,
                                     const http::ClientOptions& options,
                                     std::chrono::milliseconds patience) {
  wire::ChallengeRequestT question;
  question.agent = agent;
  auto challenge =
      ask_server<wire::ChallengeT>(server + "/v1/enrolment/challenge", question, options, patience);
  if (!challenge) return std::unexpected(challenge.error());
  return std::move(challenge->nonce);
}

}  // namespace worldshare::agent
