#pragma once

#include <filesystem>
#include <functional>

#include "shared/result.h"

namespace worldshare {

/// An advisory lock among the processes of this machine: whoever holds the file has it, until the
/// object goes or its process ends.
class FileLock {
 public:
  /// Makes the file where there is none, and waits while another has it; `before_waiting` is called
  /// when it comes to that. kUnavailable: the file cannot be opened or locked.
  static Result<FileLock> take(const std::filesystem::path& file,
                               const std::function<void()>& before_waiting = {});
  /// Does not wait: kConflict while another has it.
  static Result<FileLock> try_take(const std::filesystem::path& file);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  static Result<FileLock> open(const std::filesystem::path& file);
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace worldshare
