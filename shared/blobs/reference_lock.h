#pragma once

namespace worldshare::blobs {

/// How a row that refers to a blob and the removal of blobs that none refers to keep out of each
/// other's way, in PostgreSQL, until the transaction ends. Who writes such a row takes the first
/// for the blob, then looks whether it is there, then commits. Who removes takes the second, then
/// looks for rows, then removes, then commits. $1: the names, text[].
inline constexpr const char* kLockToRefer =
    "select pg_advisory_xact_lock_shared(1002, hashtext(x)) "
    "from (select x from unnest($1::text[]) x order by x) names";
inline constexpr const char* kLockToRemove =
    "select pg_advisory_xact_lock(1002, hashtext(x)) "
    "from (select x from unnest($1::text[]) x order by x) names";

}  // namespace worldshare::blobs
