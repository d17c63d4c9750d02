#pragma once

#include <string_view>

#include "shared/bytes.h"
#include "shared/messages/messages.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Opens what arrived on results.<agent>.<lease>: checks the form, the agent's signature, and that
/// agent and lease are those of the subject. Free text is cleaned and cut, times are made sane.
/// kCorrupt: no valid message; kDenied: not signed by that agent, or about another lease.
Result<wire::ResultT> open_report(std::string_view subject, ByteView data);

}  // namespace worldshare::verifier
