#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::swarm {

struct Member {
  NKey key;
  std::string owner;
};

/// Makes `agents` identities of `owners` owners in `folder`: roster.txt (seeds, mode 0600), and
/// what lets them all in at once: agents.conf for the broker and enrol.sql for the database.
/// Enrolling thousands one by one reloads the broker thousands of times.
Result<> make_roster(const std::filesystem::path& folder,
                     std::uint32_t agents,
                     std::uint32_t owners);

/// The first `count` members of a roster.txt. kInvalid names the line, or says how many there are.
Result<std::vector<Member>> load_roster(const std::filesystem::path& file, std::uint32_t count);

}  // namespace worldshare::swarm
