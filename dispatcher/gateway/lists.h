#pragma once

#include <functional>
#include <string>

#include "dispatcher/board.h"
#include "dispatcher/gateway/node_history.h"
#include "dispatcher/gateway/page.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Makes a URL for an artifact: hash and size.
using UrlFor = std::function<std::string(const std::string&, std::uint64_t)>;

inline constexpr Order kJobOrder = "nnt";
inline constexpr Order kUnitOrder = "nnn";
inline constexpr Order kFrameOrder = "n";
inline constexpr Order kNodeOrder = "ntt";
inline constexpr Order kOwnerOrder = "t";

struct JobFilter {
  std::string state;   ///< empty: all
  std::string search;  ///< part of a title, in any case; empty: all
};

// Of jobs, those of one tenant are there, or those of all where it is empty.

/// The newest jobs, unfinished ones first.
Result<wire::JobListT> job_list(pg::Connection& pg,
                                const std::string& tenant,
                                const JobFilter& filter,
                                const Page& page,
                                const UrlFor& url_for);
/// A job's units, those that are not accepted first; of one state, unless it is empty. kNotFound.
Result<wire::UnitListT> unit_list(pg::Connection& pg,
                                  const std::string& tenant,
                                  const std::string& job,
                                  const std::string& state,
                                  const Page& page);
/// The frames of a job that have been begun, by their numbers. kNotFound.
Result<wire::FrameListT> frame_list(pg::Connection& pg,
                                    const std::string& tenant,
                                    const std::string& job,
                                    const std::string& state,
                                    const Page& page,
                                    const UrlFor& url_for);
/// Agents with what they told, their work and their history; of one owner, unless it is empty.
Result<wire::NodeListT> node_list(pg::Connection& pg,
                                  Recent<NodeHistory>& recent,
                                  const std::string& owner,
                                  const Page& page);
/// Volunteers with their record and credit, by name.
Result<wire::OwnerListT> owner_list(pg::Connection& pg, const Page& page);
/// What waits; of the tenants only this one is told of, unless it is empty.
wire::QueueT queue_status(const Board::Notice& notice, const std::string& tenant);

}  // namespace worldshare::dispatcher
