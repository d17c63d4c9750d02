#pragma once

#include <string>

#include "shared/bytes.h"
#include "shared/crypto.h"

namespace worldshare::messages {

/// What an agent signs to enrol: the server's nonce, bound to its own key and to the token that it
/// spends, so that the signature is good for nothing else.
inline std::string enrolment_proof(const std::string& nonce,
                                   const std::string& agent,
                                   const std::string& token) {
  return "worldshare enrolment 1\n" + nonce + "\n" + agent + "\n" +
         to_hex(sha256(as_bytes(token))) + "\n";
}

/// What an enrolled agent signs to get its next credential.
inline std::string credential_proof(const std::string& nonce, const std::string& agent) {
  return "worldshare credential 1\n" + nonce + "\n" + agent + "\n";
}

}  // namespace worldshare::messages
