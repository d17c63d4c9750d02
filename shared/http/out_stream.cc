#include "shared/http/out_stream.h"

#include <utility>

namespace worldshare::http {

void OutStream::add(std::string_view text) {
  waiting_ += text;
  if (wake_) wake_();
}

bool OutStream::push(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!open_) return false;
  if (waiting_.size() + text.size() > options_.limit_bytes) {
    open_ = false;
    add(options_.cut_off);
    return false;
  }
  add(text);
  return true;
}

void OutStream::close(std::string_view last_words) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  open_ = false;
  add(last_words);
}

bool OutStream::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

bool OutStream::is_finished() const {
  const std::lock_guard lock(mutex_);
  return !open_ && !wake_;
}

OutStream::Piece OutStream::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(waiting_, {}), !open_};
}

void OutStream::on_ready(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

}  // namespace worldshare::http
