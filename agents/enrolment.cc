#include "agents/enrolment.h"

#include "agents/farm_server.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "shared/messages/enrolment_proof.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{20};

/// YAML's double-quoted form.
std::string quoted_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Result<> make_home(const Home& home) {
  std::error_code error;
  if (fs::exists(home.folder)) return {};
  fs::create_directories(home.folder, error);
  if (!error) fs::permissions(home.folder, fs::perms::owner_all, error);
  if (!error) return {};
  return fail(Errc::kUnavailable, "cannot create " + home.folder.string() + ": " + error.message());
}

/// An earlier attempt's key is used again: its token may know it already.
Result<NKey> own_key(const Home& home) {
  if (fs::exists(home.seed())) return NKey::load(home.seed());
  NKey key = NKey::generate();
  if (auto ok = key.save(home.seed()); !ok) return std::unexpected(ok.error());
  return key;
}

Result<wire::EnrolmentT> prove(const EnrolmentOrder& order,
                               const NKey& key,
                               const http::ClientOptions& options) {
  const auto nonce = ask_nonce(order.server, key.public_key(), options, kPatience);
  if (!nonce) return std::unexpected(nonce.error());
  wire::EnrolmentRequestT request;
  request.agent = key.public_key();
  request.token = order.token;
  request.nonce = *nonce;
  request.render_class = order.render_class;
  request.signature = to_hex(
      key.sign(as_bytes(messages::enrolment_proof(request.nonce, request.agent, request.token))));
  return ask_server<wire::EnrolmentT>(order.server + "/v1/enrolment", request, options, kPatience);
}

std::string config_text(const EnrolmentOrder& order,
                        const Home& home,
                        const wire::EnrolmentT& enrolment) {
  const auto line = [](const char* key, const std::string& value) {
    return "  " + std::string(key) + ": " + quoted_text(value) + "\n";
  };
  std::string text =
      "# Written by `worldshare-agent enroll`; wishes of your own go into agent.yaml.\n";
  text += "nats:\n" + line("url", enrolment.broker_url);
  if (!enrolment.broker_ca.empty()) text += line("ca_file", home.broker_ca());
  if (!enrolment.broker_jwt.empty()) text += line("jwt_file", home.broker_jwt());
  if (order.allow_plain) text += "  allow_plain: true\n";
  text += "http:\n  allow_plain: " + std::string(order.allow_plain ? "true\n" : "false\n");
  if (!order.ca_file.empty()) text += line("ca_file", home.server_ca());
  text += "agent:\n" + line("seed_file", home.seed()) + line("state_folder", home.state());
  text += "farm:\n" + line("server", order.server) + line("owner", enrolment.owner);
  return text;
}

Result<> write_all(const EnrolmentOrder& order, const Home& home, const wire::EnrolmentT& answer) {
  if (!answer.broker_ca.empty()) {
    if (auto ok = write_file_atomically(home.broker_ca(), answer.broker_ca, 0600); !ok) return ok;
  }
  if (!answer.broker_jwt.empty()) {
    if (auto ok = write_file_atomically(home.broker_jwt(), answer.broker_jwt + "\n", 0600); !ok)
      return ok;
  }
  if (!order.ca_file.empty()) {
    const auto text = read_file(order.ca_file, 1 << 20);
    if (!text) return std::unexpected(text.error());
    if (auto ok = write_file_atomically(home.server_ca(), *text, 0600); !ok) return ok;
  }
  return write_file_atomically(home.enrolment(), config_text(order, home, answer), 0600);
}

}  // namespace

Result<wire::EnrolmentT> enrol(const EnrolmentOrder& order, const Home& home) {
  if (auto ok = make_home(home); !ok) return std::unexpected(ok.error());
  const auto key = own_key(home);
  if (!key) return std::unexpected(key.error());
  http::ClientOptions options;
  options.ca_file = order.ca_file;
  options.allow_plain = order.allow_plain;
  auto answer = prove(order, *key, options);
  if (!answer) return answer;
  if (auto ok = write_all(order, home, *answer); !ok) return std::unexpected(ok.error());
  if (auto ok = home.give_to_its_user(); !ok) return std::unexpected(ok.error());
  return answer;
}

}  // namespace worldshare::agent
