#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/access/caller.h"
#include "dispatcher/gateway/gateway.h"

namespace worldshare::dispatcher {

/// A request whose path was recognised.
struct Call {
  const http::Request& request;
  std::vector<std::string> path;             ///< what stands for {id}, {frame}, ... in their order
  std::map<std::string, std::string> query;  ///< decoded
  Caller caller = {};                        ///< nobody where the route is open, or by a signed URL
};

/// One operation of schemas/openapi.yaml.
struct Route {
  std::string_view method;
  std::string_view path;   ///< "/v1/jobs/{id}"
  std::string_view query;  ///< the names that it knows, separated by spaces; "*": its own business
  Access access;
  http::Reply (*answer)(Gateway&, const Call&);
  /// Set where the body is taken as it comes; answer is not called then.
  http::HeadDecision (*begin)(Gateway&, const Call&) = nullptr;
};

/// Every operation of the API. What is not here does not exist.
std::span<const Route> routes();

/// The route of a method and a path, with what stands for its braces. HEAD goes by GET.
struct Match {
  const Route* route = nullptr;  ///< none: no such path, or not with this method
  std::vector<std::string> path;
  std::string allowed;  ///< the methods that the path has: "GET, PUT"; empty: no such path
};
Match match(std::string_view method, std::string_view path);

/// The query, decoded. kInvalid names what the route does not know.
Result<std::map<std::string, std::string>> parse_query(const Route& route, std::string_view query);

}  // namespace worldshare::dispatcher
