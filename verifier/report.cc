#include "verifier/report.h"

#include <cmath>

#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::verifier {
namespace {

constexpr std::size_t kCodeBytes = 64;
constexpr std::size_t kSentenceBytes = 1000;
constexpr std::size_t kLogBytes = 8 * 1024;
constexpr std::string_view kPrefix = "results.";

struct Subject {
  std::string agent;
  std::string lease;
};

Result<Subject> parse_subject(std::string_view subject) {
  if (!subject.starts_with(kPrefix)) return fail(Errc::kCorrupt, "foreign subject");
  subject.remove_prefix(kPrefix.size());
  const auto dot = subject.find('.');
  if (dot == std::string_view::npos) return fail(Errc::kCorrupt, "subject without a lease");
  Subject out{std::string(subject.substr(0, dot)), std::string(subject.substr(dot + 1))};
  if (!is_user_nkey(out.agent) || !is_id(out.lease)) {
    return fail(Errc::kCorrupt, "subject without agent and lease");
  }
  return out;
}

/// What was rendered has no error of the agent's: that its artifact does not decode is the
/// verifier's own finding, and stands in the same columns.
void clean(wire::ResultT& result) {
  if (result.outcome == wire::Outcome::rendered) {
    result.error_code.clear();
    result.error.clear();
  }
  result.renderer = messages::clean_text(result.renderer, kCodeBytes);
  result.error_code = messages::clean_text(result.error_code, kCodeBytes);
  result.error = messages::clean_text(result.error, kSentenceBytes);
  result.log_tail = messages::clean_text(result.log_tail, kLogBytes);
  if (!std::isfinite(result.render_seconds) || result.render_seconds < 0) {
    result.render_seconds = 0;
  }
}

}  // namespace

Result<wire::ResultT> open_report(std::string_view subject, ByteView data) {
  const auto names = parse_subject(subject);
  if (!names) return std::unexpected(names.error());
  const auto message = messages::decode<wire::SignedResultT>(data);
  if (!message) return std::unexpected(message.error());
  if (!verify_signature(names->agent, message->payload, message->signature)) {
    return fail(Errc::kDenied, "the signature is not the agent's");
  }
  auto result = messages::decode<wire::ResultT>(message->payload);
  if (!result) return result;
  if (result->agent != names->agent) return fail(Errc::kDenied, "speaks for another agent");
  if (result->lease != names->lease) return fail(Errc::kDenied, "speaks of another lease");
  if (result->outcome != wire::Outcome::rendered && result->outcome != wire::Outcome::failed) {
    return fail(Errc::kCorrupt, "unknown outcome");
  }
  clean(*result);
  return result;
}

}  // namespace worldshare::verifier
