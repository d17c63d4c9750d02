#include "agents/swarm/wire_parser.h"

#include <array>
#include <charconv>
#include <optional>

namespace worldshare::swarm {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLongestLine = 64U << 10U;

/// The words of a line; more than five are no operation.
struct Words {
  std::array<std::string_view, 6> word;
  std::size_t count = 0;
};

Words split(std::string_view line) {
  Words out;
  while (!line.empty() && out.count < out.word.size()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) out.word[out.count++] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// MSG <subject> <sid> [reply] <bytes>, HMSG <subject> <sid> [reply] <header bytes> <bytes>.
struct Head {
  std::string_view subject;
  std::string_view reply;
  std::size_t header_bytes = 0;
  std::size_t total_bytes = 0;
};

std::optional<Head> read_head(const Words& words, bool has_header) {
  const std::size_t numbers = has_header ? 2 : 1;
  const std::size_t least = 3 + numbers;
  if (words.count != least && words.count != least + 1) return std::nullopt;
  Head out;
  out.subject = words.word[1];
  if (words.count == least + 1) out.reply = words.word[3];
  const auto total = number(words.word[words.count - 1]);
  const auto header =
      has_header ? number(words.word[words.count - 2]) : std::optional<std::size_t>(0);
  if (!total || !header || *header > *total || *total > WireParser::kLimitBytes) {
    return std::nullopt;
  }
  out.total_bytes = *total;
  out.header_bytes = *header;
  return out;
}

void tell(std::string_view line, std::string_view op, const WireEvents& events) {
  const auto rest = line.size() > op.size() + 1 ? line.substr(op.size() + 1) : std::string_view{};
  if (op == "INFO" && events.info) events.info(rest);
  if (op == "PING" && events.ping) events.ping();
  if (op == "PONG" && events.pong) events.pong();
  if (op == "-ERR" && events.error) events.error(rest);
}

}  // namespace

Result<std::size_t> WireParser::take(std::string_view text, const WireEvents& events) {
  const auto end = text.find(kLineEnd);
  if (end == std::string_view::npos) {
    if (text.size() > kLongestLine) return fail(Errc::kCorrupt, "the broker's line has no end");
    return 0;
  }
  const std::string_view line = text.substr(0, end);
  const std::size_t body = end + kLineEnd.size();
  const std::string_view op = line.substr(0, line.find(' '));
  const bool has_header = op == "HMSG";
  if (op != "MSG" && !has_header) {
    if (op != "INFO" && op != "PING" && op != "PONG" && op != "-ERR" && op != "+OK") {
      return fail(Errc::kCorrupt, "the broker says what is not NATS");
    }
    tell(line, op, events);
    return body;
  }
  const auto head = read_head(split(line), has_header);
  if (!head) return fail(Errc::kCorrupt, "the broker's message has no proper head");
  const std::size_t whole = body + head->total_bytes + kLineEnd.size();
  if (text.size() < whole) return 0;
  if (events.message) {
    events.message(
        {head->subject, head->reply, text.substr(body, head->header_bytes),
         as_bytes(text.substr(body + head->header_bytes, head->total_bytes - head->header_bytes))});
  }
  return whole;
}

Result<> WireParser::feed(std::string_view bytes, const WireEvents& events) {
  // Most reads hold whole operations; only what is left over is copied.
  std::string joined;
  if (!rest_.empty()) {
    joined = std::exchange(rest_, {});
    joined += bytes;
    bytes = joined;
  }
  while (!bytes.empty()) {
    const auto taken = take(bytes, events);
    if (!taken) return std::unexpected(taken.error());
    if (*taken == 0) break;
    bytes.remove_prefix(*taken);
  }
  rest_ = bytes;
  return {};
}

}  // namespace worldshare::swarm
