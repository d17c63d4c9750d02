#include "cli/api_client.h"

#include <fstream>

#include "shared/crypto.h"
#include "shared/signals.h"

namespace worldshare::cli {
namespace {

constexpr std::uint64_t kLargeBytes = 16U << 20U;
constexpr std::size_t kPieceBytes = 16U << 20U;

Result<std::string> read_piece(const std::filesystem::path& file,
                               std::uint64_t offset,
                               std::size_t limit_bytes) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  std::string piece(limit_bytes, '\0');
  in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad() || piece.empty())
    return fail(Errc::kNotFound, "cannot read " + file.string() + "; did it change meanwhile?");
  return piece;
}

template <class Answer>
Result<Answer> parse(Result<http::Response> response) {
  if (!response) return std::unexpected(response.error());
  auto table = messages::parse_json<Answer>(response->body);
  if (!table)
    return fail(Errc::kCorrupt, "the server's answer is not understood: " + table.error().message);
  return table;
}

}  // namespace

ApiClient::ApiClient(std::string base,
                     http::ClientOptions options,
                     std::stop_token stop,
                     std::chrono::milliseconds patience)
    : base_(std::move(base)),
      options_(std::move(options)),
      stop_(std::move(stop)),
      patience_(patience) {}

Result<http::Response> ApiClient::call(
    const std::function<Result<http::Response>()>& attempt) const {
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    auto response = http::expect_ok(attempt());
    if (response) return response;
    const Errc code = response.error().code;
    const bool again = code == Errc::kUnavailable || code == Errc::kTimeout;
    if (!again || std::chrono::steady_clock::now() >= deadline) return response;
    if (!sleep_unless_stopped(stop_, std::chrono::milliseconds(300)))
      return fail(Errc::kTimeout, "interrupted");
  }
}

Result<> ApiClient::upload(const std::filesystem::path& file,
                           const std::string& sha256,
                           const Progress& progress) const {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return fail(Errc::kNotFound, "cannot read " + file.string() + ": " + error.message());
  if (size >= kLargeBytes) return upload_in_pieces(file, sha256, size, progress);
  auto response =
      call([&] { return http::put_file(base_ + "/v1/blobs/" + sha256, file, options_); });
  if (!response) return std::unexpected(response.error());
  if (progress) progress(size, size);
  return {};
}

Result<wire::UploadStateT> ApiClient::begin_upload(const std::string& sha256,
                                                   std::uint64_t size_bytes) const {
  const std::string path = "/v1/uploads/" + sha256;
  auto known = parse<wire::UploadStateT>(call([&] { return http::get(base_ + path, options_); }));
  if (known || known.error().code != Errc::kNotFound) return known;
  const std::map<std::string, std::string> headers = {
      {"Tus-Resumable", "1.0.0"},
      {"Upload-Length", std::to_string(size_bytes)},
      {"Upload-Metadata", "sha256 " + to_base64(sha256)}};
  auto made = call(
      [&] { return http::post(base_ + "/v1/uploads", "application/json", "", options_, headers); });
  if (!made) return std::unexpected(made.error());
  return parse<wire::UploadStateT>(call([&] { return http::get(base_ + path, options_); }));
}

/// After whatever went wrong the server says how far it has come, and that is where it goes on.
Result<> ApiClient::upload_in_pieces(const std::filesystem::path& file,
                                     const std::string& sha256,
                                     std::uint64_t size_bytes,
                                     const Progress& progress) const {
  auto deadline = std::chrono::steady_clock::now() + patience_;
  std::uint64_t best = 0;
  for (;;) {
    const auto state = begin_upload(sha256, size_bytes);
    if (!state) return std::unexpected(state.error());
    if (progress) progress(state->offset_bytes, size_bytes);
    if (state->offset_bytes >= size_bytes) return {};
    if (state->offset_bytes > best) deadline = std::chrono::steady_clock::now() + patience_;
    best = std::max(best, state->offset_bytes);
    auto piece = read_piece(file, state->offset_bytes, kPieceBytes);
    if (!piece) return std::unexpected(piece.error());
    const auto sent = http::expect_ok(http::patch(
        base_ + "/v1/uploads/" + sha256, "application/offset+octet-stream", std::move(*piece),
        options_,
        {{"Tus-Resumable", "1.0.0"}, {"Upload-Offset", std::to_string(state->offset_bytes)}}));
    if (sent) continue;
    const Errc code = sent.error().code;
    // A conflict: the connection that was cut is still being noticed at the other end.
    const bool again =
        code == Errc::kUnavailable || code == Errc::kTimeout || code == Errc::kConflict;
    if (!again || std::chrono::steady_clock::now() >= deadline)
      return std::unexpected(sent.error());
    if (!sleep_unless_stopped(stop_, std::chrono::milliseconds(300)))
      return fail(Errc::kTimeout, "interrupted");
  }
}

Result<wire::JobCreatedT> ApiClient::submit(const wire::ManifestT& manifest,
                                            const std::string& idempotency_key) const {
  const std::string json = messages::to_json(manifest);
  return parse<wire::JobCreatedT>(call([&] {
    return http::post(base_ + "/v1/jobs", "application/json", json, options_,
                      {{"Idempotency-Key", idempotency_key}});
  }));
}

Result<wire::JobStatusT> ApiClient::job(const std::string& id) const {
  return parse<wire::JobStatusT>(
      call([&] { return http::get(base_ + "/v1/jobs/" + id, options_); }));
}

Result<wire::FrameStatusT> ApiClient::frame(const std::string& id, std::int32_t frame) const {
  const std::string url = base_ + "/v1/jobs/" + id + "/frames/" + std::to_string(frame);
  return parse<wire::FrameStatusT>(call([&] { return http::get(url, options_); }));
}

Result<wire::ControlDoneT> ApiClient::control(const std::string& job,
                                              const wire::JobControlT& control) const {
  const std::string url = base_ + "/v1/jobs/" + job + "/control";
  const std::string json = messages::to_json(control);
  return parse<wire::ControlDoneT>(
      call([&] { return http::post(url, "application/json", json, options_); }));
}

Result<> ApiClient::control_node(const std::string& agent,
                                 const wire::NodeControlT& control) const {
  const std::string url = base_ + "/v1/nodes/" + agent + "/control";
  const std::string json = messages::to_json(control);
  auto response = call([&] { return http::post(url, "application/json", json, options_); });
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<wire::EnrolmentTokenT> ApiClient::make_enrolment_token(
    const wire::EnrolmentOrderT& order) const {
  // Not repeated: the answer of a call that was cut off is a token that nobody knows.
  return parse<wire::EnrolmentTokenT>(http::expect_ok(http::post(
      base_ + "/v1/enrolment/tokens", "application/json", messages::to_json(order), options_)));
}

Result<> ApiClient::withdraw_enrolment_token(const std::string& id) const {
  auto response =
      call([&] { return http::remove(base_ + "/v1/enrolment/tokens/" + id, options_); });
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<wire::OwnerRevokedT> ApiClient::revoke_owner(const std::string& owner,
                                                    const std::string& reason) const {
  wire::OwnerControlT control;
  control.reason = reason;
  const std::string url = base_ + "/v1/owners/" + owner + "/revoke";
  const std::string json = messages::to_json(control);
  return parse<wire::OwnerRevokedT>(
      call([&] { return http::post(url, "application/json", json, options_); }));
}

Result<> ApiClient::overrule(const std::string& owner, const wire::OverruleT& order) const {
  const std::string url = base_ + "/v1/trust/" + owner + "/overrule";
  const std::string json = messages::to_json(order);
  auto response = call([&] { return http::post(url, "application/json", json, options_); });
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<> ApiClient::remove(const std::string& path) const {
  auto response = call([&] { return http::remove(base_ + path, options_); });
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<> ApiClient::download(const wire::FrameStatusT& frame,
                             const std::filesystem::path& file) const {
  const std::string url = base_ + "/v1/blobs/" + frame.artifact;
  const std::string part = file.string() + ".part";
  // From the object store itself, where there is one and this machine reaches it.
  auto response = http::expect_ok(
      http::get_file(url, part, frame.size_bytes, options_, {{"Prefer", "redirect"}}));
  if (!response)
    response = call([&] { return http::get_file(url, part, frame.size_bytes, options_); });
  if (!response) return std::unexpected(response.error());
  const auto digest = sha256_file(part);
  if (!digest) return std::unexpected(digest.error());
  std::error_code error;
  if (to_hex(*digest) != frame.artifact) {
    std::filesystem::remove(part, error);
    return fail(Errc::kCorrupt, "frame " + std::to_string(frame.frame) + " arrived damaged");
  }
  std::filesystem::rename(part, file, error);
  if (error)
    return fail(Errc::kUnavailable, "cannot write " + file.string() + ": " + error.message());
  return {};
}

}  // namespace worldshare::cli
