#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace worldshare {

/// What the caller can do about an error.
enum class Errc : std::uint8_t {
  kTimeout,      // retry
  kUnavailable,  // retry later: a service or a connection is gone
  kConflict,     // retry from the start: somebody was faster
  kNotFound,     // give up
  kInvalid,      // give up: the input is wrong, the message says what to change
  kDenied,       // give up
  kCorrupt,      // give up: bytes are not what they claim to be
  kInternal,     // fix the program
};

struct Error {
  Errc code = Errc::kInternal;
  std::string message;
};

/// Errors are values. `T` is present, or the error says what to do.
template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

inline bool is_retryable(Errc code) {
  return code == Errc::kTimeout || code == Errc::kUnavailable || code == Errc::kConflict;
}

std::string_view to_string(Errc code);

}  // namespace worldshare

/// A broken invariant of the program: stops the process, in release builds too.
#define WS_CHECK(condition, message)                                                          \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "check failed: %s (%s) at %s:%d\n", message, #condition, __FILE__, \
                   __LINE__);                                                                 \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)
