#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace worldshare::http {

/// The body of an answer that has no end of its own, such as server-sent events. Whoever has news
/// pushes it from any thread; the server sends it as the client takes it, without a thread for each
/// stream. What waits is bounded: a client that takes too little is cut off. Thread-safe.
class OutStream {
 public:
  struct Options {
    std::size_t limit_bytes = 256 * 1024;  ///< that may wait for the client
    std::string cut_off;                   ///< the last words to a client that is too slow
    std::string idle;                      ///< sent when nothing was for `idle_after`
    std::chrono::milliseconds idle_after{15'000};
  };
  explicit OutStream(Options options) : options_(std::move(options)) {}

  /// False once the stream is closed: by close(), by the client, or because this was too much.
  bool push(std::string_view text);
  void close(std::string_view last_words = {});
  bool is_open() const;
  /// Whether it is closed and no session is sending what was left of it.
  bool is_finished() const;

  /// The server's side: everything that waits, and whether nothing will follow.
  struct Piece {
    std::string text;
    bool is_last = false;
  };
  Piece take();
  /// Called, from the pusher's thread and under the lock, when there is something to take.
  void on_ready(std::function<void()> wake);
  const Options& options() const { return options_; }

 private:
  void add(std::string_view text);  // with mutex_ held
  const Options options_;
  mutable std::mutex mutex_;
  std::string waiting_;         // guarded by mutex_
  bool open_ = true;            // guarded by mutex_
  std::function<void()> wake_;  // guarded by mutex_
};

}  // namespace worldshare::http
