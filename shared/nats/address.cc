#include "shared/nats/address.h"

#include <boost/url/parse.hpp>

#include "shared/tls/trust.h"

namespace worldshare::nats {

Result<> check_address(const std::string& url, bool allow_plain) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool encrypted = parsed && parsed->scheme() == "tls";
  if (!parsed || (!encrypted && parsed->scheme() != "nats") || parsed->host().empty()) {
    return fail(Errc::kInvalid,
                "nats.url: '" + url + "' must be tls://host:port or nats://host:port");
  }
  if (encrypted || allow_plain || tls::is_loopback(parsed->host_address())) return {};
  return fail(Errc::kInvalid,
              "nats.url: " + url + " is not encrypted; use tls://, or set nats.allow_plain: true");
}

}  // namespace worldshare::nats
