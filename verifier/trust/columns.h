#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "shared/pg/connection.h"

// Values of rows, as the arrays that unnest() takes.

namespace worldshare::verifier {

inline std::string number(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

/// "" stands for NULL: nullif(x, '').
inline std::string optional(const std::optional<double>& value) {
  return value ? number(*value) : "";
}

inline std::string flag(bool value) { return value ? "t" : "f"; }

/// replicas.half; null: all samples.
inline std::optional<std::uint32_t> half(const pg::Rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return static_cast<std::uint32_t>(rows.integer(row, column));
}

template <class Rows, class Get>
pg::Param column(const Rows& rows, Get get) {
  std::vector<std::decay_t<decltype(get(*rows.begin()))>> out;
  out.reserve(rows.size());
  for (const auto& row : rows) out.push_back(get(row));
  return pg::array(out);
}

/// Runs a statement whose rows do not matter.
inline Result<> run(pg::Transaction& transaction,
                    const char* sql,
                    std::initializer_list<pg::Param> params) {
  if (auto rows = transaction.exec(sql, params); !rows) return std::unexpected(rows.error());
  return {};
}

}  // namespace worldshare::verifier
