#include "dispatcher/gateway/routes.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <string>

#include "dispatcher/access/secret.h"
#include "dispatcher/gateway/page.h"

namespace worldshare::dispatcher {
namespace {

/// "GET /v1/jobs ?cursor ?limit" of every operation.
std::set<std::string> documented() {
  const YAML::Node document = YAML::LoadFile(std::string(WS_SOURCE_DIR) + "/schemas/openapi.yaml");
  std::set<std::string> out;
  for (const auto& path : document["paths"]) {
    for (const auto& operation : path.second) {
      std::string method = operation.first.as<std::string>();
      if (method == "parameters") continue;
      std::transform(method.begin(), method.end(), method.begin(), ::toupper);
      std::set<std::string> query;
      for (const auto& given : operation.second["parameters"]) {
        YAML::Node parameter = given;
        if (const auto reference = given["$ref"]) {
          const auto name =
              reference.as<std::string>().substr(std::string("#/components/parameters/").size());
          parameter = document["components"]["parameters"][name];
        }
        if (parameter["in"].as<std::string>() == "query")
          query.insert(parameter["name"].as<std::string>());
      }
      std::string line = method + " " + path.first.as<std::string>();
      for (const auto& name : query) line += " ?" + name;
      out.insert(line);
    }
  }
  return out;
}

std::set<std::string> served() {
  std::set<std::string> out;
  for (const Route& route : routes()) {
    std::set<std::string> query;
    std::istringstream words{std::string(route.query == "*" ? "" : route.query)};
    for (std::string word; words >> word;) query.insert(word);
    std::string line = std::string(route.method) + " " + std::string(route.path);
    for (const auto& name : query) line += " ?" + name;
    out.insert(line);
  }
  return out;
}

TEST(Routes, AreExactlyTheOperationsOfTheDocument) {
  EXPECT_EQ(served(), documented());
  EXPECT_EQ(routes().size(), served().size()) << "an operation is there twice";
  EXPECT_GT(routes().size(), 10U);
}

TEST(Routes, StateTheRolesThatTheDocumentStates) {
  const YAML::Node document = YAML::LoadFile(std::string(WS_SOURCE_DIR) + "/schemas/openapi.yaml");
  for (const Route& route : routes()) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    const auto operation = document["paths"][std::string(route.path)][method];
    std::string roles;
    for (const auto& role : operation["x-roles"])
      roles += (roles.empty() ? "" : ", ") + role.as<std::string>();
    const bool open = route.access == Access::open;
    EXPECT_EQ(roles, open ? "" : roles_of(route.access)) << route.method << " " << route.path;
    // Where the document has no security of its own, a token or a session is needed.
    const bool free = operation["security"].IsDefined();
    EXPECT_EQ(free, open || route.access == Access::own) << route.method << " " << route.path;
  }
}

TEST(Roles, MayDoWhatTheyAreFor) {
  using enum Role;
  for (const Role role : {artist, volunteer, operator_}) EXPECT_EQ(role_named(name_of(role)), role);
  EXPECT_FALSE(role_named("admin"));
  EXPECT_EQ(roles_of(Access::any_role), "artist, volunteer, operator");
  EXPECT_EQ(roles_of(Access::artists), "artist, operator");
  EXPECT_EQ(roles_of(Access::volunteers), "volunteer, operator");
  EXPECT_EQ(roles_of(Access::operators), "operator");
  EXPECT_EQ(roles_of(Access::own), "artist, operator");
}

TEST(Secrets, AreRecognisedByTheirFormAndDiffer) {
  const Secret one = new_secret(kTokenPrefix);
  EXPECT_EQ(id_in(kTokenPrefix, one.text), one.id);
  EXPECT_EQ(one.hash, hash_of(one.text));
  EXPECT_NE(one.text, new_secret(kTokenPrefix).text);
  EXPECT_EQ(id_in(kSessionPrefix, one.text), std::nullopt) << "another kind";
  std::string spoiled = one.text;
  spoiled.back() = '\'';
  for (const std::string& text : {std::string(), std::string("wst_"), one.text + "x", spoiled,
                                  one.text.substr(1), std::string(one.text.size(), '_')})
    EXPECT_EQ(id_in(kTokenPrefix, text), std::nullopt) << text;
}

TEST(Routes, FindWhatStandsForTheBraces) {
  const auto found = match("GET", "/v1/jobs/abc/frames/7");
  ASSERT_NE(found.route, nullptr);
  EXPECT_EQ(found.route->path, "/v1/jobs/{id}/frames/{frame}");
  EXPECT_EQ(found.path, (std::vector<std::string>{"abc", "7"}));
  EXPECT_EQ(match("HEAD", "/v1/jobs/abc").route, match("GET", "/v1/jobs/abc").route);
}

TEST(Routes, TellWhichMethodsAPathHas) {
  EXPECT_EQ(match("DELETE", "/v1/jobs").route, nullptr);
  EXPECT_EQ(match("DELETE", "/v1/jobs").allowed, "GET, POST");
  for (const char* path :
       {"/", "/v1", "/v1/jobs/", "/v1/jobs/a/b", "//v1/jobs", "/v1/jobs/a/frames/"}) {
    EXPECT_EQ(match("GET", path).route, nullptr) << path;
    EXPECT_EQ(match("GET", path).allowed, "") << path;
  }
}

TEST(Routes, RefuseQueriesThatTheyDoNotKnow) {
  const Route& jobs = *match("GET", "/v1/jobs").route;
  const auto query = parse_query(jobs, "limit=5&search=a%20b");
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->at("search"), "a b");
  EXPECT_TRUE(parse_query(jobs, "limt=5").error().message.starts_with("limt: is not known here"));
  EXPECT_EQ(parse_query(jobs, "limit=5&limit=6").error().message, "limit: was given twice");
  EXPECT_FALSE(parse_query(jobs, "%zz"));
  EXPECT_FALSE(parse_query(*match("GET", "/v1/queue").route, "x=1"));
}

TEST(Page, GoesOnBehindItsCursor) {
  const auto first = parse_page({}, "nt");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->limit, 100);
  EXPECT_TRUE(first->is_first());
  const auto second =
      parse_page({{"limit", "3"}, {"cursor", cursor_of({"-7", "ann, bert"})}}, "nt");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->limit, 3);
  EXPECT_EQ(second->after, (std::vector<std::string>{"-7", "ann, bert"}));
}

TEST(Page, RefusesWhatItDidNotGive) {
  for (const char* limit : {"0", "1001", "x", "", "1e3", "99999999999999999999"})
    EXPECT_FALSE(parse_page({{"limit", limit}}, "n")) << limit;
  for (const std::string& cursor :
       {std::string("x"), std::string("1"), std::string("zz"), cursor_of({"7", "8"}),
        cursor_of({"seven"}), std::string(5000, 'a'), cursor_of({""}),
        to_hex(as_bytes(std::string("7\0", 2)))})
    EXPECT_FALSE(parse_page({{"cursor", cursor}}, "n")) << cursor;
  EXPECT_FALSE(parse_page({{"cursor", to_hex(as_bytes("\xff\xfe"))}}, "t"));
}

}  // namespace
}  // namespace worldshare::dispatcher
