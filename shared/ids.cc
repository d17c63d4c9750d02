#include "shared/ids.h"

#include <algorithm>
#include <array>

#include "shared/crypto.h"

namespace worldshare {
namespace {
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
}

std::string new_id() {
  std::array<std::uint8_t, 26> raw{};
  random_bytes(raw);
  std::string out(raw.size(), '0');
  std::ranges::transform(raw, out.begin(), [](std::uint8_t byte) { return kAlphabet[byte & 31]; });
  return out;
}

bool is_id(std::string_view text) {
  return text.size() == 26 && text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

}  // namespace worldshare
