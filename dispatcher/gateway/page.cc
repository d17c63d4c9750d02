#include "dispatcher/gateway/page.h"

#include <charconv>
#include <optional>

#include "shared/crypto.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {
namespace {

constexpr int kMostLines = 1'000;
constexpr char kBetweenKeys = '\x1f';

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0 || text.size() > 2'000) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc() || end != text.data() + i + 2) return std::nullopt;
    out += static_cast<char>(value);
  }
  return out;
}

/// The keys in a cursor; nothing when they are not of this order.
std::optional<std::vector<std::string>> keys_of(const std::string& cursor, Order order) {
  const auto text = from_hex(cursor);
  if (!text) return std::nullopt;
  std::vector<std::string> keys;
  for (std::size_t begin = 0; begin <= text->size();) {
    const auto end = std::min(text->find(kBetweenKeys, begin), text->size());
    keys.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  if (keys.size() != order.size()) return std::nullopt;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (order[i] == 'n' && !whole_number(keys[i])) return std::nullopt;
    if (messages::clean_text(keys[i], keys[i].size()) != keys[i]) return std::nullopt;
  }
  return keys;
}

}  // namespace

Result<Page> parse_page(const std::map<std::string, std::string>& query, Order order) {
  Page page;
  if (const auto limit = query.find("limit"); limit != query.end()) {
    const auto number = whole_number(limit->second);
    if (!number || *number < 1 || *number > kMostLines)
      return fail(Errc::kInvalid, "limit: must be 1 to " + std::to_string(kMostLines));
    page.limit = static_cast<int>(*number);
  }
  if (const auto cursor = query.find("cursor"); cursor != query.end()) {
    auto keys = keys_of(cursor->second, order);
    if (!keys) return fail(Errc::kInvalid, "cursor: must be 'next' of an earlier answer");
    page.after = std::move(*keys);
  }
  return page;
}

std::string cursor_of(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys) text += (text.empty() ? "" : std::string(1, kBetweenKeys)) + key;
  return to_hex(as_bytes(text));
}

}  // namespace worldshare::dispatcher
