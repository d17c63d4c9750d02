#include "dispatcher/gateway/static_files.h"

#include "shared/files.h"
#include "shared/http/conditional.h"
#include "shared/http/gzip.h"

namespace worldshare::dispatcher {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 16U << 20U;
constexpr int kThoroughly = 12;  // once, at the start

// Everything comes from here; pictures that the page makes itself are blobs.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; "
    "worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

std::string type_of(const fs::path& file) {
  static const std::map<std::string, std::string> kTypes = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".woff2", "font/woff2"},
      {".json", "application/json"},
      {".txt", "text/plain; charset=utf-8"}};
  const auto found = kTypes.find(file.extension().string());
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

}  // namespace

Result<StaticFiles> StaticFiles::open(const fs::path& folder) {
  StaticFiles files;
  if (folder.empty()) return files;
  if (!fs::exists(folder / "index.html")) {
    return fail(Errc::kNotFound, "dashboard.directory: there is no index.html in " +
                                     folder.string() + "; './dev build dashboard' makes it");
  }
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file()) continue;
    auto content = read_file(entry.path(), kLargestFile);
    if (!content) return std::unexpected(content.error());
    const std::string path = "/" + fs::relative(entry.path(), folder).generic_string();
    const std::string tag = http::weak_tag(*content);
    const std::string type = type_of(entry.path());
    std::string gzipped;
    if (http::is_worth_gzip(type, content->size()))
      gzipped = http::gzip(*content, kThoroughly).value_or("");
    files.files_[path] = {std::move(*content), std::move(gzipped), type, tag};
  }
  if (error)
    return fail(Errc::kUnavailable, "cannot read " + folder.string() + ": " + error.message());
  return files;
}

std::optional<http::Reply> StaticFiles::reply(const http::Request& request) const {
  const auto found = files_.find(request.path == "/" ? "/index.html" : request.path);
  if (found == files_.end()) return std::nullopt;
  const File& file = found->second;
  const bool small = !file.gzipped.empty() && http::accepts_gzip(request);
  http::Reply reply{200, file.type, small ? file.gzipped : file.content, {}, {}};
  if (small) reply.headers["Content-Encoding"] = "gzip";
  reply.headers["Content-Security-Policy"] = kPolicy;
  reply.headers["Referrer-Policy"] = "no-referrer";
  reply.headers["Cross-Origin-Opener-Policy"] = "same-origin";
  // The built files' names carry a hash of their content.
  if (request.path.starts_with("/assets/"))
    reply.headers["Cache-Control"] = "public, max-age=31536000, immutable";
  return http::with_tag(request, std::move(reply), file.tag);
}

}  // namespace worldshare::dispatcher
