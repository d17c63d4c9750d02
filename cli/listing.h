#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace worldshare::cli {

/// A table for a terminal: columns as wide as their widest cell, the last one as it is.
class Listing {
 public:
  explicit Listing(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "3 m", "2 h", "5 d" since that unix time in milliseconds; "-" for 0.
std::string age(std::uint64_t since_ms, std::uint64_t now_ms);

}  // namespace worldshare::cli
