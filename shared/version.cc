#include "shared/version.h"

#include <charconv>

namespace worldshare {
namespace {

unsigned take_number(std::string_view& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && text[0] == '.') text.remove_prefix(1);
  return error == std::errc() ? value : 0;
}

}  // namespace

bool version_at_least(std::string_view have, std::string_view need) {
  for (int part = 0; part < 3; ++part) {
    const unsigned a = take_number(have);
    const unsigned b = take_number(need);
    if (a != b) return a > b;
  }
  return true;
}

}  // namespace worldshare
