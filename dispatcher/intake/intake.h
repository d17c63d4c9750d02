#pragma once

#include <string>

#include "dispatcher/config.h"
#include "shared/blobs/store.h"
#include "shared/nats/connection.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

struct Accepted {
  std::string job;
  std::uint32_t frames = 0;
  bool is_new = true;  ///< false: the idempotency key named an earlier, equal submission
};

/// Turns a manifest into a job: checks its meaning and its scene, writes the rows, tells the
/// economy. Once it returned, the job is in PostgreSQL; a lost notice only delays it. Thread-safe.
class Intake {
 public:
  Intake(const Config& config, blobs::Store store, nats::Connection& nats);
  /// kInvalid "field: what to do", kNotFound when the tenant did not upload the scene, kConflict
  /// when the key was used for another manifest.
  Result<Accepted> submit(pg::Connection& pg,
                          const std::string& tenant,
                          const std::string& json,
                          const std::string& idempotency_key) const;

 private:
  Result<std::string> check_scene(pg::Connection& pg,
                                  const std::string& tenant,
                                  const wire::SceneRefT& scene) const;
  const Config& config_;
  blobs::Store store_;
  nats::Connection& nats_;
};

}  // namespace worldshare::dispatcher
