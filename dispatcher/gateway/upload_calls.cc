#include <charconv>

#include "dispatcher/gateway/audited.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/quota.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"
#include "dispatcher/gateway/uploads.h"
#include "shared/blobs/reference_lock.h"
#include "shared/crypto.h"

// The tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), core with the extensions
// creation, termination and expiration. The upload of a blob is named by its SHA-256, so a client
// that lost its memory finds it again.

namespace worldshare::dispatcher {
namespace {

constexpr const char* kVersion = "1.0.0";
constexpr const char* kAppendType = "application/offset+octet-stream";
constexpr std::chrono::hours kKept{7 * 24};

constexpr const char* kAddTenant = "insert into tenants (id) values ($1) on conflict do nothing";
// Two uploads do not both take the last of a quota.
constexpr const char* kLockTenant = "select 1 from tenants where id = $1 for no key update";
constexpr const char* kAddUpload = R"(
  insert into uploads (tenant, sha256, size_bytes) values ($1, $2, $3)
  on conflict (tenant, sha256) do update set uploaded_at = clock_timestamp(), size_bytes = $3)";

std::string text_of(const http::Request& request, const char* name) {
  const auto field = request.headers.find(name);
  return field == request.headers.end() ? std::string() : field->second;
}

std::optional<std::uint64_t> number_of(const http::Request& request, const char* name) {
  const std::string text = text_of(request, name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

http::Reply tus(http::Reply reply) {
  reply.headers["Tus-Resumable"] = kVersion;
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

/// Nothing where the client speaks this version.
std::optional<http::Reply> other_version(const http::Request& request) {
  if (text_of(request, "tus-resumable") == kVersion) return std::nullopt;
  http::Reply reply = tus(problem(412, "Tus-Resumable: must be 1.0.0"));
  reply.headers["Tus-Version"] = kVersion;
  return reply;
}

/// "sha256 <base64>,name <base64>": the sha256, or "".
std::string sha256_in(const std::string& metadata) {
  std::string_view rest = metadata;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string_view pair = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
    if (pair.starts_with("sha256 ")) return from_base64(pair.substr(7)).value_or("");
  }
  return {};
}

http::Reply with_state(http::Reply reply, const blobs::PartialUploads::State& state) {
  reply.headers["Upload-Offset"] = std::to_string(state.offset_bytes);
  reply.headers["Upload-Length"] = std::to_string(state.size_bytes);
  return tus(std::move(reply));
}

/// What came for a part of an upload; the last of them makes the blob.
class AppendSink final : public http::BodySink {
 public:
  AppendSink(Gateway& gateway,
             std::string tenant,
             std::string sha256,
             std::int64_t record,
             blobs::PartialUploads::Append append)
      : gateway_(gateway),
        tenant_(std::move(tenant)),
        sha256_(std::move(sha256)),
        record_(record),
        append_(std::move(append)) {}

  Result<> write(ByteView bytes) override { return append_.write(bytes); }
  http::Reply finish() override {
    http::Reply reply = answer();
    end_record(gateway_, record_, reply);
    return reply;
  }
  http::Reply on_error(const Error& error) override {
    http::Reply reply =
        tus(error.code == Errc::kInvalid ? problem(413, error.message) : problem(error));
    end_record(gateway_, record_, reply);
    return reply;
  }

 private:
  http::Reply answer() {
    const auto state = append_.state();
    if (state.offset_bytes == state.size_bytes) {
      if (auto done = append_.finish(); !done) return tus(problem(done.error()));
      if (auto refused = note_upload(gateway_, tenant_, sha256_, state.size_bytes))
        return tus(std::move(*refused));
    }
    return with_state({204, "application/json", {}, {}, {}}, state);
  }

  Gateway& gateway_;
  const std::string tenant_;
  const std::string sha256_;
  const std::int64_t record_;
  blobs::PartialUploads::Append append_;
};

/// How an upload stands; one that is complete is a blob by now.
Result<blobs::PartialUploads::State> state_of(Gateway& gateway,
                                              const Call& call,
                                              const std::string& sha256) {
  auto state = gateway.parts.uploads.state(call.caller.tenant, sha256);
  if (state) return state;
  const auto size = gateway.parts.store.size(sha256);
  if (!size) return size.error().code == Errc::kNotFound ? state : std::unexpected(size.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  const auto readable = is_readable(**pg, call.caller.tenant, sha256);
  if (!readable) return std::unexpected(readable.error());
  if (!*readable) return state;
  return blobs::PartialUploads::State{*size, *size};
}

}  // namespace

std::optional<http::Reply> quota_refusal(Gateway& gateway,
                                         const std::string& tenant,
                                         const std::string& sha256,
                                         std::uint64_t size_bytes) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  return over_quota(**pg, tenant, sha256, size_bytes);
}

std::optional<http::Reply> note_upload(Gateway& gateway,
                                       const std::string& tenant,
                                       const std::string& sha256,
                                       std::uint64_t size_bytes) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  auto transaction = pg::Transaction::begin(**pg);
  if (!transaction) return problem(transaction.error());
  auto rows = transaction->exec(blobs::kLockToRefer, {pg::array(std::vector{sha256})});
  if (rows) rows = transaction->exec(kAddTenant, {tenant});
  if (rows) rows = transaction->exec(kLockTenant, {tenant});
  if (!rows) return problem(rows.error());
  if (auto refused = over_quota(*transaction, tenant, sha256, size_bytes)) return refused;
  rows = transaction->exec(kAddUpload, {tenant, sha256, size_bytes});
  if (!rows) return problem(rows.error());
  // One that was there before may have been collected in this moment.
  if (const auto there = gateway.parts.store.size(sha256); !there)
    return problem({Errc::kUnavailable, there.error().message});
  if (auto ok = transaction->commit(); !ok) return problem(ok.error());
  return std::nullopt;
}

http::Reply describe_uploads(Gateway& gateway, const Call&) {
  http::Reply reply = tus({204, "application/json", {}, {}, {}});
  reply.headers["Tus-Version"] = kVersion;
  reply.headers["Tus-Extension"] = "creation,termination,expiration";
  reply.headers["Tus-Max-Size"] = std::to_string(gateway.parts.config.scene_limit_bytes);
  return reply;
}

http::Reply make_upload(Gateway& gateway, const Call& call) {
  const http::Request& request = call.request;
  if (auto refused = other_version(request)) return std::move(*refused);
  const std::string sha256 = sha256_in(text_of(request, "upload-metadata"));
  if (!is_sha256_hex(sha256)) {
    return tus(problem(400,
                       "Upload-Metadata: must have 'sha256 ' and the base64 of the blob's name, "
                       "64 lower-case hex digits"));
  }
  const auto length = number_of(request, "upload-length");
  if (!length || *length == 0) return tus(problem(400, "Upload-Length: must be given, in bytes"));
  const auto limit = gateway.parts.config.scene_limit_bytes;
  if (*length > limit) return tus(problem(413, "at most " + std::to_string(limit) + " bytes"));
  if (auto refused = quota_refusal(gateway, call.caller.tenant, sha256, *length))
    return tus(std::move(*refused));
  gateway.parts.uploads.drop_older_than(kKept);
  const auto state = gateway.parts.uploads.create(call.caller.tenant, sha256, *length);
  if (!state) return tus(problem(state.error()));
  http::Reply reply = with_state({201, "application/json", "{}", {}, {}}, *state);
  reply.headers["Location"] = "/v1/uploads/" + sha256;
  return reply;
}

http::Reply get_upload(Gateway& gateway, const Call& call) {
  const std::string& sha256 = call.path[0];
  if (!is_sha256_hex(sha256)) return tus(problem(400, "sha256: 64 lower-case hex digits"));
  const auto state = state_of(gateway, call, sha256);
  if (!state) return tus(problem(state.error()));
  wire::UploadStateT table;
  table.sha256 = sha256;
  table.offset_bytes = state->offset_bytes;
  table.size_bytes = state->size_bytes;
  return with_state(json(200, table), *state);
}

http::HeadDecision append_upload(Gateway& gateway, const Call& call) {
  const http::Request& head = call.request;
  const std::string& sha256 = call.path[0];
  if (auto refused = other_version(head)) return std::move(*refused);
  if (!is_sha256_hex(sha256)) return tus(problem(400, "sha256: 64 lower-case hex digits"));
  if (text_of(head, "content-type") != kAppendType)
    return tus(problem(415, std::string("Content-Type: must be ") + kAppendType));
  const auto offset = number_of(head, "upload-offset");
  if (!offset) return tus(problem(400, "Upload-Offset: must be given, in bytes"));
  auto append = gateway.parts.uploads.append(call.caller.tenant, sha256, *offset);
  if (!append) return tus(problem(append.error()));
  const auto record =
      begin_record(gateway, call.caller, head, "bytes from " + std::to_string(*offset));
  if (!record) return tus(problem(record.error()));
  return std::make_unique<AppendSink>(gateway, call.caller.tenant, sha256, *record,
                                      std::move(*append));
}

http::Reply drop_upload(Gateway& gateway, const Call& call) {
  const std::string& sha256 = call.path[0];
  if (auto refused = other_version(call.request)) return std::move(*refused);
  if (!is_sha256_hex(sha256)) return tus(problem(400, "sha256: 64 lower-case hex digits"));
  const auto dropped = gateway.parts.uploads.drop(call.caller.tenant, sha256);
  if (!dropped) return tus(problem(dropped.error()));
  return tus({204, "application/json", {}, {}, {}});
}

}  // namespace worldshare::dispatcher
