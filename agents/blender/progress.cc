#include "agents/blender/progress.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace worldshare::agent {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a number from the front of `text`.
template <class Number>
std::optional<Number> take_number(std::string_view& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

void skip_spaces(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Drops the "00:04.230  render           | " that 5.x puts in front of its lines.
std::string_view without_log_prefix(std::string_view line) {
  const std::size_t bar = line.find("| ");
  if (bar == std::string_view::npos || line.size() < 9 || !is_digit(line[0]) || line[2] != ':') {
    return line;
  }
  const std::string_view head = line.substr(0, bar);
  const bool is_prefix = std::ranges::all_of(
      head.substr(0, head.find(' ')), [](char c) { return is_digit(c) || c == ':' || c == '.'; });
  return is_prefix ? line.substr(bar + 2) : line;
}

struct Count {
  double done = 0;
  double total = 0;
};

/// "<word> 3/1024" or "<word> 25 / 64", for the last occurrence of the word.
std::optional<Count> find_count(std::string_view line, std::string_view word) {
  const std::size_t at = line.rfind(word);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(at + word.size());
  skip_spaces(rest);
  const auto done = take_number<std::uint64_t>(rest);
  skip_spaces(rest);
  if (!done || !take(rest, "/")) return std::nullopt;
  skip_spaces(rest);
  const auto total = take_number<std::uint64_t>(rest);
  if (!total || *total == 0 || *done > *total) return std::nullopt;
  return Count{static_cast<double>(*done), static_cast<double>(*total)};
}

std::optional<double> find_fraction(std::string_view line) {
  auto samples = find_count(line, "Sample ");
  if (!samples) samples = find_count(line, "Rendering ");
  const auto tiles = find_count(line, "Rendered ");
  if (!tiles) {
    return samples ? std::optional(samples->done / samples->total) : std::nullopt;
  }
  const double inside = samples ? samples->done / samples->total : 0.0;
  return std::min(1.0, (tiles->done + inside) / tiles->total);
}

/// "Remaining:07:43:38.52" and "Remaining: 01:43.73".
std::optional<double> find_remaining(std::string_view line) {
  const std::size_t at = line.find("Remaining:");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(at + 10);
  skip_spaces(rest);
  double seconds = 0;
  for (int part = 0; part < 3; ++part) {
    const auto value = take_number<double>(rest);
    if (!value) return std::nullopt;
    seconds = seconds * 60 + *value;
    if (!take(rest, ":")) break;
  }
  return seconds;
}

struct Phrase {
  std::string_view text;
  std::string_view code;
};

// Blender prints these and then goes on to save a picture and to exit with 0.
constexpr std::array kFaults{
    Phrase{"Out of memory", "gpu_memory"},
    Phrase{"System is out of GPU", "gpu_memory"},
    Phrase{"Launch exceeded timeout", "gpu_fault"},
    Phrase{"Illegal address", "gpu_fault"},
    Phrase{"Launch failed", "gpu_fault"},
    Phrase{"Failed to retain CUDA context", "gpu_fault"},
    Phrase{"Failed to load CUDA kernel", "gpu_fault"},
    Phrase{"Build without OpenImageDenoiser", "no_denoiser"},
    Phrase{"build has no OpenImageDenoise support", "no_denoiser"},
    Phrase{"restricted access disallows name", "driver_script"},
    Phrase{"restricted access disallows opcode", "driver_script"},
    Phrase{"Error in PyDriver", "driver_script"},
    Phrase{"Calloc returns null", "out_of_memory"},
    Phrase{"Malloc returns null", "out_of_memory"},
    Phrase{"is not a valid Cycles device", "device"},
    Phrase{"Failed to read blend file", "scene_unreadable"},
    Phrase{"File format is not supported", "scene_unreadable"},
    Phrase{"Cannot read file", "scene_unreadable"},
    Phrase{"Cannot render, no camera", "no_camera"},
};

}  // namespace

std::optional<ProgressLine> parse_progress(std::string_view line) {
  std::string_view text = without_log_prefix(line);
  if (!take(text, "Fra:")) return std::nullopt;
  skip_spaces(text);
  const auto frame = take_number<int>(text);
  if (!frame) return std::nullopt;
  return ProgressLine{*frame, find_fraction(text), find_remaining(text)};
}

std::optional<std::string> parse_saved(std::string_view line) {
  std::string_view text = without_log_prefix(line);
  if (!take(text, "Saved: '") || !text.ends_with('\'')) return std::nullopt;
  text.remove_suffix(1);
  return std::string(text);
}

std::optional<LogFault> find_fault(std::string_view line) {
  for (const auto& [text, code] : kFaults) {
    if (line.find(text) != std::string_view::npos) {
      return LogFault{std::string(code), std::string(line)};
    }
  }
  return std::nullopt;
}

void OutputLog::append(std::string_view text) {
  tail_ += text;
  if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  for (const char c : text) {
    const bool ends = c == '\n' || c == '\r';
    const bool cut = !ends && pending_.size() >= kLineBytes;
    overflowed_ |= cut;
    if (ends || cut) end_line();
    if (!ends) pending_ += c;
  }
}

void OutputLog::end_line() {
  std::string line = std::exchange(pending_, {});
  if (line.empty()) return;
  if (waiting_bytes_ + waiting_bytes(line) > kWaitingBytes) {
    overflowed_ = true;
    return;
  }
  waiting_bytes_ += waiting_bytes(line);
  lines_.push_back(std::move(line));
}

std::optional<std::string> OutputLog::next_line() {
  if (lines_.empty()) return std::nullopt;
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  waiting_bytes_ -= waiting_bytes(line);
  return line;
}

std::string OutputLog::tail() const {
  if (tail_.size() <= kTailBytes) return tail_;
  const std::string last = tail_.substr(tail_.size() - kTailBytes);
  const std::size_t line = last.find('\n');
  return line + 1 < last.size() ? last.substr(line + 1) : last;
}

void OutputLog::clear_tail() { tail_.clear(); }

}  // namespace worldshare::agent
