#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace worldshare::dispatcher {

/// A secret that is given out once: "<prefix>_<id>_<256 random bits>". The id finds its row, which
/// holds the hash of the whole text. Random bits need no slow hash: nobody can try them all.
struct Secret {
  std::string id;
  std::string text;
  std::string hash;  ///< SHA-256 of text, hex
};

inline constexpr std::string_view kTokenPrefix = "wst";    ///< an API token
inline constexpr std::string_view kSessionPrefix = "wss";  ///< a browser's session
inline constexpr std::string_view kCodePrefix = "wsc";     ///< a one-time code

Secret new_secret(std::string_view prefix);
std::string hash_of(std::string_view secret);
/// The id in a secret of this kind; nothing when it has not their form.
std::optional<std::string> id_in(std::string_view prefix, std::string_view text);

}  // namespace worldshare::dispatcher
