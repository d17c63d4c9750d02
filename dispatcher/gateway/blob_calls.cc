#include <array>
#include <charconv>
#include <fstream>

#include "dispatcher/gateway/api.h"
#include "dispatcher/gateway/artifact_url.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"
#include "shared/http/conditional.h"

namespace worldshare::dispatcher {
namespace {

std::optional<std::uint64_t> content_length(const http::Request& head) {
  const auto field = head.headers.find("content-length");
  if (field == head.headers.end()) return std::nullopt;
  std::uint64_t value = 0;
  const auto& text = field->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What a browser may show, by the file's first bytes. They are a stranger's, and nothing here
/// decodes them.
std::string content_type(const std::string& file) {
  std::array<char, 8> head{};
  std::ifstream(file, std::ios::binary).read(head.data(), head.size());
  const std::string_view bytes(head.data(), head.size());
  if (bytes == "\x89PNG\r\n\x1a\n") return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("\x76\x2f\x31\x01")) return "image/x-exr";
  return "application/octet-stream";
}

/// Nothing in a stranger's bytes shall run, be framed, or be read by another site.
void make_safe(http::Reply& reply) {
  const bool picture = reply.content_type == "image/png" || reply.content_type == "image/jpeg";
  reply.headers["Content-Security-Policy"] = "default-src 'none'; sandbox";
  reply.headers["Cross-Origin-Resource-Policy"] = "same-origin";
  reply.headers["Content-Disposition"] = picture ? "inline" : "attachment";
  // A blob never changes; who may read it is asked again.
  reply.headers["Cache-Control"] = "private, max-age=3600, immutable";
}

Result<> check_readable(Gateway& gateway, const Call& call, const std::string& sha256) {
  const auto grant = gateway.parts.signer.check(blobs::Access::kGet, sha256, call.request.query,
                                                gateway.parts.clock.now());
  if (grant) return {};
  if (!call.request.query.empty() || !is_authorised(gateway, call.request))
    return std::unexpected(grant.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  const auto readable = is_readable(**pg, kTenant, sha256);
  if (!readable) return std::unexpected(readable.error());
  if (!*readable) return fail(Errc::kNotFound, "there is no such blob of yours");
  return {};
}

}  // namespace

UrlFor artifact_urls(const Gateway& gateway) {
  const std::uint64_t half = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(gateway.parts.config.url_lifetime.count()) / 2);
  const auto expires = from_unix_ms((unix_ms(gateway.parts.clock.now()) / half + 2) * half);
  return [&signer = gateway.parts.signer, expires](const std::string& sha256, std::uint64_t size) {
    return signer.sign(blobs::Access::kGet, sha256, size, expires);
  };
}

http::HeadDecision put_blob(Gateway& gateway, const Call& call) {
  const http::Request& head = call.request;
  const std::string& sha256 = call.path[0];
  const auto& parts = gateway.parts;
  if (!is_sha256_hex(sha256)) return problem(400, "sha256: 64 lower-case hex digits");
  std::uint64_t size = 0;
  if (const auto grant =
          parts.signer.check(blobs::Access::kPut, sha256, head.query, parts.clock.now())) {
    size = grant->size_bytes;
  } else if (!head.query.empty() || !is_authorised(gateway, head)) {
    return problem(grant.error());
  } else if (const auto length = content_length(head)) {
    size = *length;
    if (size > parts.config.scene_limit_bytes)
      return problem(413, "at most " + std::to_string(parts.config.scene_limit_bytes) + " bytes");
  } else {
    return problem(411, "send Content-Length");
  }
  auto upload = parts.store.begin(sha256, size);
  if (!upload) return problem(upload.error());
  return std::make_unique<BlobSink>(std::move(*upload));
}

http::Reply get_blob(Gateway& gateway, const Call& call) {
  const std::string& sha256 = call.path[0];
  if (!is_sha256_hex(sha256)) return problem(400, "sha256: 64 lower-case hex digits");
  if (auto ok = check_readable(gateway, call, sha256); !ok) return problem(ok.error());
  const auto size = gateway.parts.store.size(sha256);
  if (!size) return problem(404, "there is no such blob");
  const std::string file = gateway.parts.store.path(sha256).string();
  http::Reply reply =
      http::file_reply(call.request, file, *size, content_type(file), "\"" + sha256 + "\"");
  make_safe(reply);
  return reply;
}

}  // namespace worldshare::dispatcher
