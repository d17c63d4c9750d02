#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Which part of a list is asked for: `limit` lines behind the one that the cursor names.
struct Page {
  int limit = 100;
  std::vector<std::string>
      after;  ///< the keys of the last line that is known; empty: from the start

  bool is_first() const { return after.empty(); }
  /// Key `i` as a parameter; null on the first page.
  pg::Param key(std::size_t i) const {
    return after.empty() ? pg::Param(std::nullopt) : pg::Param(after[i]);
  }
};

/// How a list is ordered: 'n' for a key that is a whole number, 't' for text.
using Order = std::string_view;

/// From the query's `limit` (1 to 1000) and `cursor`. kInvalid "field: what to do".
Result<Page> parse_page(const std::map<std::string, std::string>& query, Order order);

/// The cursor behind a line with these keys: letters, digits, '-' and '_' only.
std::string cursor_of(const std::vector<std::string>& keys);

}  // namespace worldshare::dispatcher
