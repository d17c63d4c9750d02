#pragma once

#include <sys/stat.h>

#include "agents/enrolment.h"
#include "shared/messages/enrolment_proof.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {

inline unsigned mode_of(const std::filesystem::path& file) {
  struct stat info{};
  return ::stat(file.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

/// A dispatcher that agents enrol at, and what they and its operator say.
class EnrolmentFixture : public DispatcherTest {
 protected:
  /// From the next start() on the dispatcher keeps the broker's agents.conf.
  void keep_agents_file() {
    config_.agents_conf_file = broker_->agents_file();
    config_.broker_pid_file = folder_.path() / "nats.pid";
    config_.broker_monitor_url = broker_->monitor_url();
    config_.broker_reload = 500ms;
    EXPECT_TRUE(write_file_atomically(config_.broker_pid_file, std::to_string(broker_->pid())));
  }

  /// From the next start() on there is another broker, which trusts JWTs.
  void trust_jwts() {
    broker_ = NatsServer::start(NatsServer::Accounts::kJwts);
    broker_->provision();
    config_.accounts_folder = broker_->accounts().folder;
    config_.nats_url = broker_->url();
    config_.nats_seed_file = broker_->accounts().seed("dispatcher");
  }

  http::Response call(const std::string& path, const std::string& body) {
    auto response = http::post(url_ + path, "application/json", body, options_);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }

  wire::EnrolmentTokenT token(const std::string& owner) {
    const auto response = call("/v1/enrolment/tokens", R"({"owner": ")" + owner + "\"}");
    EXPECT_EQ(response.status, 201U) << response.body;
    auto made = messages::parse_json<wire::EnrolmentTokenT>(response.body);
    return made ? *made : wire::EnrolmentTokenT{};
  }

  Result<wire::EnrolmentT> enrol(const std::string& secret, const std::string& machine) {
    agent::EnrolmentOrder order;
    order.server = url_;
    order.token = secret;
    order.render_class = "blender-3_4-cpu";
    return agent::enrol(order, home(machine));
  }

  agent::Home home(const std::string& machine) { return {folder_.path() / machine}; }

  /// The body of an enrolment that `signer` signs for `agent`.
  std::string request(const std::string& agent, const NKey& signer, const std::string& secret) {
    const auto challenge = messages::parse_json<wire::ChallengeT>(
        call("/v1/enrolment/challenge", R"({"agent": ")" + agent + "\"}").body);
    EXPECT_TRUE(challenge);
    wire::EnrolmentRequestT out;
    out.agent = agent;
    out.token = secret;
    out.nonce = challenge ? challenge->nonce : "";
    out.signature =
        to_hex(signer.sign(as_bytes(messages::enrolment_proof(out.nonce, agent, secret))));
    return messages::to_json(out);
  }

  std::string state_of_token(const std::string& id) {
    const auto list = messages::parse_json<wire::EnrolmentTokenListT>(
        http::get(url_ + "/v1/enrolment/tokens", options_)->body);
    if (!list) return "no list";
    for (const auto& line : list->tokens) {
      if (line->id == id) return line->state;
    }
    return "not listed";
  }
};

}  // namespace worldshare::testing
