#include <array>
#include <charconv>
#include <fstream>

#include "dispatcher/gateway/artifact_url.h"
#include "dispatcher/gateway/audited.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"
#include "dispatcher/gateway/uploads.h"
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

/// An upload by somebody with a token, with its record in the audit.
class TenantUpload final : public http::BodySink {
 public:
  TenantUpload(Gateway& gateway,
               std::string tenant,
               std::string sha256,
               std::uint64_t size_bytes,
               blobs::Store::Upload upload)
      : gateway_(gateway),
        tenant_(std::move(tenant)),
        sha256_(std::move(sha256)),
        size_bytes_(size_bytes),
        sink_(std::move(upload)) {}
  void set_record(std::int64_t record) { record_ = record; }

  Result<> write(ByteView bytes) override { return sink_.write(bytes); }
  http::Reply finish() override {
    http::Reply reply = sink_.finish();
    if (reply.status == 201) {
      if (auto refused = note_upload(gateway_, tenant_, sha256_, size_bytes_))
        reply = std::move(*refused);
    }
    end_record(gateway_, record_, reply);
    return reply;
  }
  http::Reply on_error(const Error& error) override {
    http::Reply reply = sink_.on_error(error);
    end_record(gateway_, record_, reply);
    return reply;
  }

 private:
  Gateway& gateway_;
  const std::string tenant_;
  const std::string sha256_;
  const std::uint64_t size_bytes_;
  BlobSink sink_;
  std::int64_t record_ = 0;
};

/// Nothing, if the blob may be read; else the answer.
std::optional<http::Reply> refusal(Gateway& gateway, const Call& call, const std::string& sha256) {
  const http::Request& request = call.request;
  if (!request.query.empty()) {
    const auto grant = gateway.parts.signer.check(blobs::Access::kGet, sha256, request.query,
                                                  gateway.parts.clock.now());
    return grant ? std::nullopt : std::optional(problem(grant.error()));
  }
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto readable = is_readable(**pg, call.caller.tenant_seen(), sha256);
  if (!readable) return problem(readable.error());
  if (!*readable) return problem(404, "there is no such blob of yours");
  return std::nullopt;
}

/// To the store itself, for a program that asks for it ("Prefer: redirect", RFC 7240) and where
/// there is such a way. Browsers get their bytes from here.
std::optional<http::Reply> redirection(Gateway& gateway,
                                       const Call& call,
                                       const std::string& sha256) {
  const auto prefer = call.request.headers.find("prefer");
  if (prefer == call.request.headers.end() || prefer->second != "redirect") return std::nullopt;
  const auto lifetime =
      std::chrono::duration_cast<std::chrono::seconds>(gateway.parts.config.url_lifetime);
  auto direct = gateway.parts.store.grant_get(sha256, lifetime);
  if (!direct) return std::nullopt;
  http::Reply reply{307, "application/json", {}, {}, {}};
  reply.headers["Location"] = std::move(direct->url);
  reply.headers["Preference-Applied"] = "redirect";
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::HeadDecision put_by_token(Gateway& gateway, const Call& call) {
  const http::Request& head = call.request;
  const auto length = content_length(head);
  if (!length) return problem(411, "send Content-Length");
  const auto limit = gateway.parts.config.scene_limit_bytes;
  if (*length > limit) return problem(413, "at most " + std::to_string(limit) + " bytes");
  const std::string& sha256 = call.path[0];
  if (auto refused = quota_refusal(gateway, call.caller.tenant, sha256, *length))
    return std::move(*refused);
  auto upload = gateway.parts.store.begin(sha256, *length);
  if (!upload) return problem(upload.error());
  const auto record = begin_record(gateway, call.caller, head, std::to_string(*length) + " bytes");
  if (!record) return problem(record.error());
  auto sink = std::make_unique<TenantUpload>(gateway, call.caller.tenant, sha256, *length,
                                             std::move(*upload));
  sink->set_record(*record);
  return sink;
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
  if (head.query.empty()) return put_by_token(gateway, call);
  const auto grant = parts.signer.check(blobs::Access::kPut, sha256, head.query, parts.clock.now());
  if (!grant) return problem(grant.error());
  auto upload = parts.store.begin(sha256, grant->size_bytes);
  if (!upload) return problem(upload.error());
  return std::make_unique<BlobSink>(std::move(*upload));
}

http::Reply get_blob(Gateway& gateway, const Call& call) {
  const std::string& sha256 = call.path[0];
  if (!is_sha256_hex(sha256)) return problem(400, "sha256: 64 lower-case hex digits");
  if (auto refused = refusal(gateway, call, sha256)) return std::move(*refused);
  if (auto direct = redirection(gateway, call, sha256)) return std::move(*direct);
  const auto blob = gateway.parts.store.file(sha256);
  if (!blob && blob.error().code == Errc::kNotFound) return problem(404, "there is no such blob");
  if (!blob) return problem(blob.error());
  std::error_code error;
  const auto size = std::filesystem::file_size(*blob, error);
  if (error) return problem(404, "there is no such blob");
  const std::string file = blob->string();
  http::Reply reply =
      http::file_reply(call.request, file, size, content_type(file), "\"" + sha256 + "\"");
  make_safe(reply);
  return reply;
}

}  // namespace worldshare::dispatcher
