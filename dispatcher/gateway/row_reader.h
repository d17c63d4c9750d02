#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispatcher/gateway/page.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// Reads one row's columns in their order.
class RowReader {
 public:
  RowReader(const pg::Rows& rows, int row) : rows_(rows), row_(row) {}
  std::string text() { return rows_.str(row_, column_++); }
  std::vector<std::string> list() { return rows_.list(row_, column_++); }
  bool boolean() { return rows_.boolean(row_, column_++); }
  double real() { return rows_.real(row_, column_++); }
  std::optional<double> optional_real() {
    const int column = column_++;
    return rows_.is_null(row_, column) ? std::nullopt : std::optional(rows_.real(row_, column));
  }
  std::int64_t integer() { return rows_.integer(row_, column_++); }
  std::uint64_t number() { return static_cast<std::uint64_t>(integer()); }
  std::uint32_t count() { return static_cast<std::uint32_t>(integer()); }

 private:
  const pg::Rows& rows_;
  int row_;
  int column_ = 0;
};

/// `lines` of the rows, one for each but the one too many; `next` is the cursor behind the last.
/// `read` fills a line and gives its keys.
template <class Line>
void fill_lines(const pg::Rows& rows,
                const Page& page,
                std::vector<std::unique_ptr<Line>>& lines,
                std::string& next,
                const std::function<std::vector<std::string>(RowReader&, Line&)>& read) {
  for (int i = 0; i < rows.size() && i < page.limit; ++i) {
    RowReader row(rows, i);
    auto line = std::make_unique<Line>();
    const auto keys = read(row, *line);
    lines.push_back(std::move(line));
    if (i + 1 == page.limit && rows.size() > page.limit) next = cursor_of(keys);
  }
}

}  // namespace worldshare::dispatcher
