#include "shared/blobs/s3_xml.h"

#include <array>
#include <optional>
#include <utility>

namespace worldshare::blobs {
namespace {

constexpr std::array<std::pair<std::string_view, char>, 6> kEntities{{{"&quot;", '"'},
                                                                      {"&#34;", '"'},
                                                                      {"&apos;", '\''},
                                                                      {"&lt;", '<'},
                                                                      {"&gt;", '>'},
                                                                      {"&amp;", '&'}}};

/// Takes the first element from `rest`, which then begins behind it.
std::optional<std::string_view> take_element(std::string_view& rest, std::string_view name) {
  const std::string open = "<" + std::string(name);
  const std::string close = "</" + std::string(name) + ">";
  for (;;) {
    const auto at = rest.find(open);
    if (at == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(at + open.size());
    if (rest.empty() || (rest[0] != '>' && rest[0] != ' ')) continue;  // a longer name
    const auto begin = rest.find('>');
    const auto end = rest.find(close);
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
      return std::nullopt;
    const auto inside = rest.substr(begin + 1, end - begin - 1);
    rest.remove_prefix(end + close.size());
    return inside;
  }
}

}  // namespace

std::string xml_text(std::string_view xml, std::string_view name) {
  auto inside = take_element(xml, name).value_or("");
  std::string out;
  while (!inside.empty()) {
    char next = inside[0];
    std::size_t length = 1;
    for (const auto& [entity, letter] : kEntities) {
      if (!inside.starts_with(entity)) continue;
      next = letter;
      length = entity.size();
    }
    out += next;
    inside.remove_prefix(length);
  }
  return out;
}

std::vector<std::string_view> xml_elements(std::string_view xml, std::string_view name) {
  std::vector<std::string_view> out;
  while (const auto element = take_element(xml, name)) out.push_back(*element);
  return out;
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    std::string_view written(&letter, 1);
    for (const auto& [entity, meaning] : kEntities) {
      if (meaning == letter && written.size() == 1) written = entity;
    }
    out += written;
  }
  return out;
}

}  // namespace worldshare::blobs
