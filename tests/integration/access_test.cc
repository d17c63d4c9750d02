#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include "dispatcher/gateway/routes.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

namespace json = boost::json;
using dispatcher::Access;
using dispatcher::Role;

/// A request with any method and headers, on a connection of its own.
http::Response ask(std::uint16_t port,
                   const std::string& method,
                   const std::string& path,
                   const std::map<std::string, std::string>& headers,
                   const std::string& body = "") {
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(20s);
  stream.connect("127.0.0.1", std::to_string(port));
  stream << method << " " << path << " HTTP/1.1\r\nHost: 127.0.0.1:" << port
         << "\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) stream << name << ": " << value << "\r\n";
  if (!body.empty() || method != "GET") stream << "Content-Length: " << body.size() << "\r\n";
  stream << "\r\n" << body << std::flush;
  http::Response response;
  std::string line;
  std::getline(stream, line);
  response.status = line.size() > 12 ? static_cast<unsigned>(std::stoi(line.substr(9, 3))) : 0;
  while (std::getline(stream, line) && line != "\r") {
    const auto colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), ::tolower);
    if (colon != std::string::npos)
      response.headers[name] = line.substr(colon + 2, line.size() - colon - 3);
  }
  // A stream has no end: its head is all that is wanted.
  if (response.headers["content-type"] == "text/event-stream") return response;
  response.body.assign(std::istreambuf_iterator<char>(stream), {});
  return response;
}

std::string text(const json::value& value) { return std::string(value.as_string()); }

std::map<std::string, std::string> bearer(const std::string& token) {
  return {{"Authorization", "Bearer " + token}};
}

class AccessTest : public DispatcherTest {
 protected:
  http::Response call(const std::string& method,
                      const std::string& path,
                      const std::map<std::string, std::string>& headers,
                      const std::string& body = "") {
    return ask(config_.http_port, method, path, headers, body);
  }
  json::object made(const std::string& order) {
    const auto response = call("POST", "/v1/tokens", bearer(kToken), order);
    EXPECT_EQ(response.status, 201U) << response.body;
    return json::parse(response.body).as_object();
  }
  /// A token's text.
  std::string token(const std::string& role, const std::string& account) {
    const std::string field = role == "volunteer" ? "owner" : "tenant";
    const auto order = json::object{{"name", account}, {"role", role}, {field, account}};
    return std::string(made(json::serialize(order)).at("secret").as_string());
  }
  /// With this token from now on.
  void become(const std::string& token) { options_.bearer_token = token; }
  std::string unit_of(const std::string& job) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    EXPECT_TRUE(eventually(
        [&] { return !pg->exec("select id from units where job = $1", {job})->empty(); }));
    return pg->exec("select min(id) from units where job = $1", {job})->str(0, 0);
  }
  /// The path with real names of things of this job's tenant and owner.
  static std::string filled(std::string path, const std::map<std::string, std::string>& names) {
    for (const auto& [name, value] : names) {
      const auto at = path.find("{" + name + "}");
      if (at != std::string::npos) path.replace(at, name.size() + 2, value);
    }
    return path;
  }
  std::string session(const http::Response& signed_in) {
    const auto& cookie = signed_in.headers.at("set-cookie");
    return cookie.substr(0, cookie.find(';'));
  }
};

TEST_F(AccessTest, EveryRouteIsForItsRolesAndForNobodyElse) {
  FakeAgent node = agent("anna");
  node.beat({0});
  become(token("artist", "studio"));
  const std::string job = submit();
  const std::string sha = to_hex(sha256(as_bytes(tiny_blend())));
  const std::map<std::string, std::string> names = {
      {"id", job},       {"frame", "1"}, {"unit", unit_of(job)},          {"sha256", sha},
      {"owner", "anna"}, {"token", "x"}, {"agent", node.key.public_key()}};
  const std::map<Role, std::string> tokens = {{Role::artist, token("artist", "studio")},
                                              {Role::volunteer, token("volunteer", "anna")},
                                              {Role::operator_, token("operator", "house")}};
  const std::string stranger = token("artist", "others");
  int foreign = 0;
  for (const auto& route : dispatcher::routes()) {
    const std::string method(route.method);
    const std::string path = filled(std::string(route.path), names);
    SCOPED_TRACE(method + " " + path);
    if (route.access == Access::open) continue;
    for (const std::string& wrong :
         {std::string(), std::string("wst_guess"), std::string(kToken) + "x"}) {
      const auto refused = call(
          method, path, wrong.empty() ? std::map<std::string, std::string>() : bearer(wrong), "{}");
      EXPECT_EQ(refused.status, 401U) << wrong;
      EXPECT_TRUE(refused.headers.at("www-authenticate").starts_with("Bearer ")) << wrong;
      EXPECT_EQ(refused.headers.at("content-type"), "application/problem+json");
    }
    for (const auto& [role, text] : tokens) {
      if (method == "DELETE" && route.path == "/v1/session") continue;  // for cookies
      const auto response = call(method, path, bearer(text), "{}");
      if (dispatcher::may_call(route.access, role)) {
        EXPECT_NE(response.status, 401U) << name_of(role);
        EXPECT_NE(response.status, 403U) << name_of(role);
      } else {
        EXPECT_EQ(response.status, 403U) << name_of(role);
      }
    }
    const bool of_tenant = route.path.starts_with("/v1/jobs/") || route.path.contains("{unit}") ||
                           (method == "GET" && route.path.contains("{sha256}"));
    if (!of_tenant) continue;
    ++foreign;
    EXPECT_EQ(call(method, path, bearer(stranger), R"({"action": "pause"})").status, 404U);
  }
  EXPECT_GE(foreign, 8);
}

TEST_F(AccessTest, TenantsSeeTheirOwnJobsBlobsAndQueueOnly) {
  const std::string mine = token("artist", "mine");
  const std::string theirs = token("artist", "theirs");
  become(mine);
  const std::string job = submit();
  const std::string sha = to_hex(sha256(as_bytes(tiny_blend())));
  const auto list = [&](const std::string& who) {
    return call("GET", "/v1/jobs", bearer(who)).body.find(job) != std::string::npos;
  };
  EXPECT_TRUE(list(mine));
  EXPECT_FALSE(list(theirs));
  EXPECT_TRUE(list(kToken)) << "operators see all";
  EXPECT_EQ(call("GET", "/v1/blobs/" + sha, bearer(mine)).status, 200U);
  EXPECT_EQ(call("GET", "/v1/blobs/" + sha, bearer(theirs)).status, 404U);
  EXPECT_EQ(call("GET", "/v1/queue", bearer(theirs)).body.find("mine"), std::string::npos);
  // To know a hash is not to have the scene.
  const auto claimed = call("POST", "/v1/jobs", bearer(theirs), manifest(sha));
  EXPECT_EQ(claimed.status, 404U) << claimed.body;
  become(theirs);
  upload(tiny_blend());
  EXPECT_EQ(call("POST", "/v1/jobs", bearer(theirs), manifest(sha)).status, 201U);
}

TEST_F(AccessTest, TenantsAreMadeAndChangedByOperatorsAndSeeThemselves) {
  const auto set = [&](const std::string& order) {
    return call("POST", "/v1/tenants", bearer(kToken), order);
  };
  const auto first = set(R"({"tenant": "studio", "weight": 2.5, "max_leases": 7})");
  ASSERT_EQ(first.status, 200U) << first.body;
  const auto made = messages::parse_json<wire::TenantAccountT>(first.body);
  EXPECT_EQ(made->weight, 2.5);
  EXPECT_EQ(made->max_leases, 7U);
  EXPECT_EQ(made->max_jobs, 100'000U) << "what a new tenant has";
  const auto changed = messages::parse_json<wire::TenantAccountT>(
      set(R"({"tenant": "studio", "max_stored_bytes": 5000000000})").body);
  EXPECT_EQ(changed->max_stored_bytes, 5'000'000'000U);
  EXPECT_EQ(changed->max_leases, 7U) << "what is left out stays";
  for (const char* wrong :
       {R"({"weight": 1})", R"({"tenant": "../x"})", R"({"tenant": "a", "weight": 0})",
        R"({"tenant": "a", "weight": 1e9})", R"({"tenant": "a", "max_jobs": 2000000000})"}) {
    EXPECT_EQ(set(wrong).status, 400U) << wrong;
  }
  set(R"({"tenant": "others"})");
  const auto seen = [&](const std::string& by) {
    const auto list =
        messages::parse_json<wire::TenantListT>(call("GET", "/v1/tenants", bearer(by), "").body);
    std::string names;
    for (const auto& one : list->tenants) names += one->tenant + " ";
    return names;
  };
  EXPECT_EQ(seen(token("artist", "studio")), "studio ");
  EXPECT_EQ(seen(kToken), "others studio ");
}

TEST_F(AccessTest, AStreamTellsOfItsTenantsJobsAndEndsWithItsToken) {
  const auto created = made(R"({"name": "theirs", "role": "artist", "tenant": "theirs"})");
  const std::string theirs(created.at("secret").as_string());
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(30s);
  stream.connect("127.0.0.1", std::to_string(config_.http_port));
  stream << "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " << theirs << "\r\n\r\n"
         << std::flush;
  std::string line;
  while (std::getline(stream, line) && !line.starts_with("event: ready")) {
  }
  become(token("artist", "mine"));
  const std::string mine = submit();
  become(theirs);
  const std::string own = submit();
  std::string seen;
  while (std::getline(stream, line) && line.find(own) == std::string::npos) seen += line;
  EXPECT_EQ(seen.find(mine), std::string::npos) << seen;
  const std::string id(created.at("token").as_object().at("id").as_string());
  EXPECT_EQ(call("DELETE", "/v1/tokens/" + id, bearer(kToken)).status, 200U);
  EXPECT_EQ(call("GET", "/v1/jobs", bearer(theirs)).status, 401U) << "at once";
  while (std::getline(stream, line) && line.find("not valid any more") == std::string::npos) {
  }
  EXPECT_NE(line.find("not valid any more"), std::string::npos);
}

TEST_F(AccessTest, VolunteersSeeTheirOwnNodesAndRecord) {
  agent("anna");
  agent("bert");
  const std::string anna = token("volunteer", "anna");
  const auto nodes = call("GET", "/v1/nodes", bearer(anna)).body;
  EXPECT_NE(nodes.find("anna"), std::string::npos);
  EXPECT_EQ(nodes.find("bert"), std::string::npos);
  EXPECT_EQ(call("GET", "/v1/nodes?owner=bert", bearer(anna)).status, 404U);
  EXPECT_EQ(call("GET", "/v1/trust/anna", bearer(anna)).status, 200U);
  EXPECT_EQ(call("GET", "/v1/trust/bert", bearer(anna)).status, 404U);
  EXPECT_EQ(call("GET", "/v1/trust/bert", bearer(kToken)).status, 200U);
  // Who contributed is for everybody; only a volunteer has a line of its own.
  const auto own_line = [&](const std::string& who) {
    const auto board = call("GET", "/v1/leaderboard", bearer(who));
    EXPECT_EQ(board.status, 200U) << board.body;
    const auto seen = messages::parse_json<wire::LeaderboardT>(board.body);
    return seen && seen->you ? seen->you->owner : std::string();
  };
  EXPECT_EQ(own_line(anna), "anna");
  EXPECT_EQ(own_line(token("artist", "studio")), "");
  EXPECT_EQ(own_line(kToken), "");
  EXPECT_EQ(call("GET", "/v1/leaderboard", {}).status, 401U);
  const std::string order = R"({"action": "appoint", "operator": "anna", "reason": "me"})";
  EXPECT_EQ(call("POST", "/v1/trust/anna/overrule", bearer(anna), order).status, 403U);
}

TEST_F(AccessTest, TokensAreKeptAsHashesExpireAndAreRevokedForEver) {
  const auto created = made(R"({"name": "x", "role": "operator", "tenant": "house", "days": 1})");
  const std::string secret(created.at("secret").as_string());
  const std::string id(created.at("token").as_object().at("id").as_string());
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  const auto row = pg->exec("select hash, api_tokens::text from api_tokens where id = $1", {id});
  EXPECT_EQ(row->str(0, 0), to_hex(sha256(as_bytes(secret))));
  EXPECT_EQ(row->str(0, 1).find(secret.substr(secret.rfind('_'))), std::string::npos);
  EXPECT_EQ(call("GET", "/v1/tokens", bearer(secret)).status, 200U);
  const auto list = call("GET", "/v1/tokens", bearer(kToken)).body;
  EXPECT_NE(list.find(id), std::string::npos);
  EXPECT_EQ(list.find(secret), std::string::npos);
  // One digit of the secret wrong; the id is right.
  std::string near = secret;
  near.back() = near.back() == '0' ? '1' : '0';
  EXPECT_EQ(call("GET", "/v1/tokens", bearer(near)).status, 401U);

  ASSERT_TRUE(pg->exec("update api_tokens set expires_at = now() where id = $1", {id}));
  EXPECT_TRUE(eventually([&] { return call("GET", "/v1/tokens", bearer(secret)).status == 401; }));
  EXPECT_EQ(call("DELETE", "/v1/tokens/" + id, bearer(kToken)).status, 200U);
  EXPECT_EQ(call("DELETE", "/v1/tokens/" + id, bearer(kToken)).status, 200U);
  EXPECT_EQ(call("DELETE", "/v1/tokens/nobody", bearer(kToken)).status, 404U);
}

TEST_F(AccessTest, OrdersOfTokensAreChecked) {
  for (const char* order :
       {R"({"role": "artist", "tenant": "a"})", R"({"name": "x", "tenant": "a"})",
        R"({"name": "x", "role": "admin", "tenant": "a"})", R"({"name": "x", "role": "artist"})",
        R"({"name": "x", "role": "artist", "tenant": "a.b"})",
        R"({"name": "x", "role": "artist", "tenant": "a", "owner": "b"})",
        R"({"name": "x", "role": "volunteer", "tenant": "a", "owner": "b"})",
        R"({"name": "x", "role": "volunteer"})",
        R"({"name": "x", "role": "artist", "tenant": "a", "days": 0})",
        R"({"name": "x", "role": "artist", "tenant": "a", "days": 4000})", "[]", "{"}) {
    const auto response = call("POST", "/v1/tokens", bearer(kToken), order);
    EXPECT_EQ(response.status, 400U) << order << response.body;
  }
}

TEST_F(AccessTest, ACodeSignsOneBrowserInOnce) {
  const auto login = json::parse(call("POST", "/v1/logins", bearer(kToken)).body).as_object();
  const std::string code(login.at("code").as_string());
  EXPECT_NE(login.at("link").as_string().find("/#login=" + code), std::string::npos);
  const std::string body = json::serialize(json::object{{"code", code}});
  const auto signed_in = call("POST", "/v1/session", {}, body);
  ASSERT_EQ(signed_in.status, 201U) << signed_in.body;
  const auto& cookie = signed_in.headers.at("set-cookie");
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos) << cookie;
  EXPECT_EQ(call("POST", "/v1/session", {}, body).status, 401U) << "it is spent";
  const std::map<std::string, std::string> browser = {{"Cookie", "a=b; " + session(signed_in)}};
  EXPECT_EQ(call("GET", "/v1/jobs", browser).status, 200U);
  EXPECT_NE(call("GET", "/v1/session", browser).body.find("operator"), std::string::npos);

  // What changes something comes from the gateway's own pages.
  const std::string own = "http://127.0.0.1:" + std::to_string(config_.http_port);
  const auto from = [&](const std::string& origin) {
    auto headers = browser;
    if (!origin.empty()) headers["Origin"] = origin;
    return call("POST", "/v1/logins", headers).status;
  };
  EXPECT_EQ(from(own), 201U);
  for (const char* origin : {"", "null", "http://127.0.0.1:1", "https://evil.example"})
    EXPECT_EQ(from(origin), 401U) << origin;
  EXPECT_EQ(call("POST", "/v1/session", {{"Origin", "https://evil.example"}}, body).status, 403U);

  auto leaving = browser;
  leaving["Origin"] = own;
  const auto left = call("DELETE", "/v1/session", leaving);
  EXPECT_EQ(left.status, 200U) << left.body;
  EXPECT_NE(left.headers.at("set-cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(call("GET", "/v1/jobs", browser).status, 401U);
}

TEST_F(AccessTest, ASessionEndsWithItsTokenAndOutlivesTheGateway) {
  const auto created = made(R"({"name": "anna", "role": "artist", "tenant": "studio"})");
  const std::string secret(created.at("secret").as_string());
  const auto signed_in = call("POST", "/v1/session", bearer(secret));
  ASSERT_EQ(signed_in.status, 201U);
  const std::map<std::string, std::string> browser = {{"Cookie", session(signed_in)}};
  stop();
  start();
  EXPECT_EQ(call("GET", "/v1/jobs", browser).status, 200U);
  EXPECT_EQ(call("GET", "/v1/tokens", browser).status, 403U);
  const std::string id(created.at("token").as_object().at("id").as_string());
  ASSERT_EQ(call("DELETE", "/v1/tokens/" + id, bearer(kToken)).status, 200U);
  EXPECT_EQ(call("GET", "/v1/jobs", browser).status, 401U);
}

TEST_F(AccessTest, ATokenFileThatWasChangedEndsItsSessions) {
  const auto signed_in = call("POST", "/v1/session", bearer(kToken));
  const std::map<std::string, std::string> browser = {{"Cookie", session(signed_in)}};
  EXPECT_EQ(call("GET", "/v1/tokens", browser).status, 200U);
  stop();
  ASSERT_TRUE(write_file_atomically(config_.api_token_file, "another-token", 0600));
  start();
  EXPECT_EQ(call("GET", "/v1/tokens", browser).status, 401U);
  EXPECT_EQ(call("GET", "/v1/tokens", bearer(kToken)).status, 401U);
  EXPECT_EQ(call("GET", "/v1/tokens", bearer("another-token")).status, 200U);
}

TEST_F(AccessTest, ATokenFileThatOthersReadIsRefused) {
  stop();
  ASSERT_TRUE(write_file_atomically(config_.api_token_file, kToken, 0644));
  const auto served = dispatcher::serve(config_, {});
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().message.find("chmod 600"), std::string::npos);
  ASSERT_TRUE(write_file_atomically(config_.api_token_file, kToken, 0600));
  start();
}

TEST_F(AccessTest, WhoeverChangesSomethingIsOnRecord) {
  const std::string artist = token("artist", "studio");
  become(artist);
  const std::string job = submit();
  const auto refused =
      call("POST", "/v1/jobs/" + job + "/control", bearer(artist), R"({"action": "dance"})");
  EXPECT_EQ(refused.status, 400U);
  const auto audit = json::parse(call("GET", "/v1/audit", bearer(kToken)).body).as_object();
  const auto& records = audit.at("records").as_array();
  ASSERT_GE(records.size(), 4U);  // the token, the upload, the job, what was refused
  const auto& last = records[0].as_object();
  EXPECT_EQ(text(last.at("path")), "/v1/jobs/" + job + "/control");
  EXPECT_EQ(last.at("status"), 400);
  EXPECT_EQ(text(last.at("name")), "studio");
  EXPECT_EQ(text(last.at("address")), "127.0.0.1");
  EXPECT_NE(last.at("detail").as_string().find("dance"), std::string::npos);
  EXPECT_EQ(text(records[1].as_object().at("outcome")), "/v1/jobs/" + job);
  EXPECT_EQ(records[1].as_object().at("status"), 201);
  EXPECT_EQ(text(records[2].as_object().at("method")), "PUT");
  EXPECT_EQ(records[2].as_object().at("status"), 201);
  EXPECT_EQ(text(records[3].as_object().at("token")), "local");
  EXPECT_EQ(call("GET", "/v1/audit", bearer(artist)).status, 403U);
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  EXPECT_FALSE(pg->exec("delete from audit")) << "records stay";
  EXPECT_FALSE(pg->exec("update audit set name = 'nobody', status = 200")) << "as they are";
}

TEST_F(AccessTest, TheFirstTokenOfAFarmComesFromItsDispatcher) {
  wire::TokenOrderT order;
  order.name = "olga";
  order.role = "operator";
  order.tenant = "house";
  const auto made = dispatcher::make_token(config_, order, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(call("GET", "/v1/tokens", bearer(*made)).status, 200U);
}

}  // namespace
}  // namespace worldshare::testing
