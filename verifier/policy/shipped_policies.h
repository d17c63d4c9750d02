#pragma once

namespace worldshare::verifier::policy {

/// The text of policy.yaml as it was built in, for read_policies().
const char* shipped_policies();

}  // namespace worldshare::verifier::policy
