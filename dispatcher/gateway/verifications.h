#pragma once

#include <optional>
#include <string>

#include "dispatcher/gateway/lists.h"
#include "dispatcher/gateway/page.h"
#include "shared/blobs/store.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

// Comparisons of pictures that were rendered elsewhere. The verifier makes them; here they are
// asked for and read. Of verifications, those of one tenant are there, or those of all where it is
// empty.

inline constexpr Order kVerificationOrder = "nt";

/// Stores what is asked, once for each key that is not empty, and gives its id. kInvalid names the
/// field; kNotFound: an artifact that is not there, or not the tenant's to see; kConflict: too many
/// wait, or the key was used for something else.
Result<std::string> ask_verification(pg::Connection& pg,
                                     const std::string& tenant,
                                     const std::string& tenant_seen,
                                     const wire::VerificationRequestT& request,
                                     const std::string& idempotency_key,
                                     const blobs::Store& store);

/// kNotFound.
Result<wire::VerificationT> verification(pg::Connection& pg,
                                         const std::string& tenant,
                                         const std::string& id,
                                         const UrlFor& url_for);

/// The newest first.
Result<wire::VerificationListT> verification_list(pg::Connection& pg,
                                                  const std::string& tenant,
                                                  const Page& page,
                                                  const UrlFor& url_for);

}  // namespace worldshare::dispatcher
