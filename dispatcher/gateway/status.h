#pragma once

#include <string>

#include "dispatcher/gateway/job_shares.h"
#include "dispatcher/gateway/lists.h"
#include "dispatcher/gateway/row_reader.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// Of the table units as u, all those of job $1. Either half has an index of its own.
#define WS_UNITS_OF_JOB \
  "(u.job = $1 and u.state <> 'replaced' or u.job = $1 and u.state = 'replaced')"

/// How far behind the first frame of a unit of job $1 its last one may be: it has 1,000 at most, so
/// that the index of first frames finds the unit of a frame.
#define WS_REACH_OF_A_UNIT \
  "1000 * (select coalesce((manifest->'frames'->>'step')::integer, 1) from jobs where id = $1)"

/// Of the table units as u, those that frame $2 of job $1 is of.
#define WS_UNITS_OF_FRAME                                                                      \
  "u.job = $1 and u.frame <= $2 and u.last_frame >= $2 and u.state <> 'replaced' and u.frame " \
  "> $2 - " WS_REACH_OF_A_UNIT

// An empty tenant stands for all of them.

/// kNotFound for an unknown id or another tenant's job.
Result<> check_job(pg::Connection& pg, const std::string& tenant, const std::string& job);

/// How a job stands. kNotFound for an unknown id or another tenant's job.
Result<wire::JobStatusT> job_status(pg::Connection& pg,
                                    Recent<JobShares>& recent,
                                    const std::string& tenant,
                                    const std::string& job);

/// How a frame of a job stands, with its replicas, comparisons and, once accepted, its artifact.
/// The pictures of its replicas have URLs once a final verdict is there, if they were judged:
/// nobody sees a picture before the trust engine did.
Result<wire::FrameStatusT> frame_status(pg::Connection& pg,
                                        const std::string& tenant,
                                        const std::string& job,
                                        std::int32_t frame,
                                        const UrlFor& url_for);

/// Columns: the two owners, method, PSNR, SSIM, whether they agree, LPIPS or null.
void read_comparison(RowReader& row, wire::ComparisonStatusT& line);

/// Whether an artist may read this blob: what the tenant sent, a scene or an accepted output of its
/// jobs.
Result<bool> is_readable(pg::Connection& pg, const std::string& tenant, const std::string& sha256);

}  // namespace worldshare::dispatcher
