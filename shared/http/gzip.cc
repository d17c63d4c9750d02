#include "shared/http/gzip.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "shared/unique_handle.h"

namespace worldshare::http {
namespace {

// A shorter answer fits into the first packets anyway.
constexpr std::size_t kShortest = 1'400;

using Compressor = UniqueHandle<libdeflate_compressor, libdeflate_free_compressor>;

std::string_view stripped(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// "gzip;q=0.5" → 0.5; without a weight 1.
double weight_of(std::string_view coding) {
  const auto at = coding.find("q=");
  if (at == std::string_view::npos) return 1;
  double weight = 0;
  const auto text = coding.substr(at + 2);
  std::from_chars(text.data(), text.data() + text.size(), weight);
  return weight;
}

}  // namespace

bool accepts_gzip(const Request& request) {
  const auto field = request.headers.find("accept-encoding");
  if (field == request.headers.end()) return false;
  std::optional<double> named;
  std::optional<double> others;
  std::string_view rest = field->second;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto coding = stripped(rest.substr(0, comma));
    const auto name = stripped(coding.substr(0, coding.find(';')));
    if (name == "gzip" || name == "x-gzip") named = weight_of(coding);
    if (name == "*") others = weight_of(coding);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return named ? *named > 0 : others.value_or(0) > 0;
}

bool is_worth_gzip(std::string_view content_type, std::size_t size_bytes) {
  if (size_bytes < kShortest) return false;
  constexpr std::array<std::string_view, 4> kTexts = {
      "application/json", "application/problem+json", "text/", "image/svg+xml"};
  for (const auto& text : kTexts) {
    if (content_type.starts_with(text)) return true;
  }
  return false;
}

std::optional<std::string> gzip(std::string_view content, int level) {
  const Compressor compressor(libdeflate_alloc_compressor(level));
  if (!compressor || content.empty()) return std::nullopt;
  std::string out(content.size() - 1, '\0');  // what is not shorter is not wanted
  out.resize(libdeflate_gzip_compress(compressor.get(), content.data(), content.size(), out.data(),
                                      out.size()));
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace worldshare::http
