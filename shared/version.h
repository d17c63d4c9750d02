#pragma once

#include <string_view>

namespace worldshare {

/// Whether version `have` is `need` or later: "a.b.c" by number, missing parts count as 0.
bool version_at_least(std::string_view have, std::string_view need);

}  // namespace worldshare
