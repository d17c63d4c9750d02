#pragma once

#include <string>
#include <string_view>

namespace worldshare {

/// 128 random bits as 26 lower-case base32 characters: unguessable, and one token in a NATS
/// subject.
std::string new_id();
/// Whether `text` has the form that new_id() makes.
bool is_id(std::string_view text);

}  // namespace worldshare
