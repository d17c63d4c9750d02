#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace worldshare::agent {

/// What one line of Blender's output (3.x to 5.x) says about the frame in work.
struct ProgressLine {
  int frame = 0;
  std::optional<double> fraction;  ///< 0..1 of the frame's samples, when the line tells
  std::optional<double> remaining_seconds;
};

/// Nothing for a line that is not about progress. Pure.
std::optional<ProgressLine> parse_progress(std::string_view line);

/// The path of a "Saved: '...'" line.
std::optional<std::string> parse_saved(std::string_view line);

/// Something Blender printed that makes the picture wrong although it goes on.
struct LogFault {
  std::string code;   ///< "missing_texture", "gpu_memory", ...
  std::string error;  ///< the line
};
std::optional<LogFault> find_fault(std::string_view line);

/// Cuts a stream of output into lines and keeps the last bytes of it for people. Not thread-safe.
class OutputLog {
 public:
  static constexpr std::size_t kTailBytes = 8 * 1024;
  static constexpr std::size_t kLineBytes = 64 * 1024;
  /// Of lines that wait, counted with what each takes up itself.
  static constexpr std::size_t kWaitingBytes = 32 << 20;

  /// Takes what was read; complete lines are then waiting in next_line(). A longer line than
  /// kLineBytes is cut, and what is over kWaitingBytes is dropped.
  void append(std::string_view text);
  /// Whether a line was cut or dropped, ever.
  bool overflowed() const { return overflowed_; }
  std::optional<std::string> next_line();
  /// At most kTailBytes, beginning at a line where there is one.
  std::string tail() const;
  void clear_tail();

 private:
  void end_line();
  static std::size_t waiting_bytes(const std::string& line) { return sizeof line + line.size(); }

  std::string pending_;
  std::deque<std::string> lines_;
  std::size_t waiting_bytes_ = 0;  ///< of lines_
  bool overflowed_ = false;
  std::string tail_;
};

}  // namespace worldshare::agent
