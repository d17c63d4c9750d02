#pragma once

#include <cstdint>

namespace worldshare::dispatcher {

/// The order in which a job's frames are made: first, last and middle as a preview, then the rest
/// as they run. A permutation of [0, total). `ordered` is how many frames the job had at its
/// submission: frames added later follow at the end. position < total, ordered <= total.
std::uint32_t frame_at(std::uint32_t position, std::uint32_t ordered);

}  // namespace worldshare::dispatcher
