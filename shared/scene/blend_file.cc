#include "shared/scene/blend_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cctype>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "shared/bytes.h"
#include "shared/scene/byte_source.h"

namespace worldshare::scene {
namespace {

/// How the block headers of a file are laid out.
struct Layout {
  std::size_t head_bytes = 24;
  std::size_t length_offset = 4;
  std::size_t length_bytes = 4;
  bool little_endian = true;
};

struct FileHead {
  std::string version;
  Layout layout;
};

std::unexpected<Error> cut_off(std::uint64_t at) {
  return fail(Errc::kCorrupt, fmt::format("the file is cut off at byte {} (unpacked)", at));
}

std::string_view seems_to_be(std::string_view start) {
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"\x89PNG", "a PNG image"},
      {"\xff\xd8\xff", "a JPEG image"},
      {"\x76\x2f\x31\x01", "an OpenEXR image"},
      {"PK\x03\x04", "a ZIP archive"},
      {"Kaydara FBX", "an FBX file"},
      {"glTF", "a glTF file"},
      {"%PDF", "a PDF document"},
      {"RIFF", "a RIFF file (AVI, WAV or WebP)"},
      {"<", "an HTML or XML text"},
      {"7z\xbc\xaf", "a 7-Zip archive"},
      {"Rar!", "a RAR archive"},
      {"\x7f"
       "ELF",
       "a program"},
      {"{", "a JSON text"},
  };
  for (const auto& [magic, name] : kKnown) {
    if (start.starts_with(magic)) return name;
  }
  return start.empty() ? "empty" : "something else";
}

std::optional<unsigned> digits(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

std::string version_text(unsigned version) {
  return fmt::format("{}.{}", version / 100, version % 100);
}

std::unexpected<Error> not_a_blend(std::string_view start) {
  return fail(Errc::kInvalid, fmt::format("not a .blend file: it is {}", seems_to_be(start)));
}

/// "BLENDER-v304": pointer size, byte order, version; 12 bytes, used up to Blender 4.5.
Result<FileHead> read_old_head(std::string_view head) {
  const auto version = digits(head.substr(9, 3));
  const bool wide = head[7] == '-';
  if ((!wide && head[7] != '_') || (head[8] != 'v' && head[8] != 'V') || !version) {
    return fail(Errc::kCorrupt, "the head of the .blend file is damaged");
  }
  const Layout layout{wide ? 24U : 20U, 4, 4, head[8] == 'v'};
  return FileHead{version_text(*version), layout};
}

/// "BLENDER17-01v0500": size of this head, pointer size, format, byte order, version; since
/// Blender 5.0.
Result<FileHead> read_new_head(ByteSource& source, std::string_view start) {
  std::array<std::uint8_t, 5> rest{};
  auto got = source.read(rest);
  if (!got) return std::unexpected(got.error());
  const std::string head = std::string(start) + std::string(as_text(rest));
  const auto version = digits(std::string_view(head).substr(13, 4));
  if (*got != rest.size()) return cut_off(source.position());
  if (head.substr(7, 6) != "17-01v" || !version) {
    return fail(Errc::kInvalid, "a .blend file of an unknown, newer format");
  }
  const Layout layout{32, 16, 8, true};
  return FileHead{version_text(*version), layout};
}

Result<FileHead> read_head(ByteSource& source) {
  std::array<std::uint8_t, 12> bytes{};
  auto got = source.read(bytes);
  if (!got) return std::unexpected(got.error());
  const std::string_view head = as_text(std::span(bytes).first(*got));
  if (!head.starts_with("BLENDER")) return not_a_blend(head);
  if (head.size() < bytes.size()) return cut_off(source.position());
  if (std::isdigit(static_cast<unsigned char>(head[7])) != 0) return read_new_head(source, head);
  return read_old_head(head);
}

std::uint64_t read_length(std::span<const std::uint8_t> head, const Layout& layout) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < layout.length_bytes; ++i) {
    const std::size_t at = layout.little_endian ? layout.length_bytes - 1 - i : i;
    value = (value << 8U) | head[layout.length_offset + at];
  }
  return value;
}

/// From behind the head to the end mark; the file must hold its own description (DNA1).
Result<> walk_blocks(ByteSource& source, const Layout& layout) {
  std::array<std::uint8_t, 32> buffer{};
  const auto head = std::span(buffer).first(layout.head_bytes);
  bool has_description = false;
  while (true) {
    const std::uint64_t at = source.position();
    auto got = source.read(head);
    if (!got) return std::unexpected(got.error());
    if (*got != head.size()) return cut_off(source.position());
    const std::string_view code = as_text(head).substr(0, 4);
    if (code == "ENDB") break;
    const std::uint64_t length = read_length(head, layout);
    if (length > static_cast<std::uint64_t>(INT64_MAX)) {
      return fail(Errc::kCorrupt, fmt::format("a damaged block at byte {} (unpacked)", at));
    }
    has_description = has_description || code == "DNA1";
    auto passed = source.skip(length);
    if (!passed) return std::unexpected(passed.error());
    if (*passed != length) return cut_off(source.position());
  }
  if (!has_description) return fail(Errc::kCorrupt, "the file lacks its DNA block");
  return {};
}

}  // namespace

Result<BlendFile> check_blend_file(const std::filesystem::path& path,
                                   std::uint64_t limit_plain_bytes) {
  auto source = open_byte_source(path, limit_plain_bytes);
  if (!source) return std::unexpected(source.error());
  auto head = read_head(**source);
  if (!head) return std::unexpected(head.error());
  auto walked = walk_blocks(**source, head->layout);
  if (!walked) return std::unexpected(walked.error());
  // What follows the end mark means nothing to Blender, but packed data must be whole to its end.
  auto rest = (*source)->skip(UINT64_MAX - (*source)->position());
  if (!rest) return std::unexpected(rest.error());

  BlendFile out;
  out.version = head->version;
  out.compression = std::string((*source)->compression());
  out.plain_bytes = (*source)->position();
  std::error_code ignored;
  out.size_bytes = std::filesystem::file_size(path, ignored);
  return out;
}

}  // namespace worldshare::scene
