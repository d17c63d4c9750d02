#include "cli/api_client.h"

#include "shared/crypto.h"
#include "shared/signals.h"

namespace worldshare::cli {
namespace {

template <class Table>
Result<typename Table::NativeTableType> parse(Result<http::Response> response) {
  if (!response) return std::unexpected(response.error());
  auto table = messages::parse_json<Table>(response->body);
  if (!table)
    return fail(Errc::kCorrupt, "the server's answer is not understood: " + table.error().message);
  return table;
}

}  // namespace

ApiClient::ApiClient(std::string base,
                     std::string token,
                     std::stop_token stop,
                     std::chrono::milliseconds patience)
    : base_(std::move(base)), stop_(std::move(stop)), patience_(patience) {
  options_.bearer_token = std::move(token);
}

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

Result<> ApiClient::upload(const std::filesystem::path& file, const std::string& sha256) const {
  auto response =
      call([&] { return http::put_file(base_ + "/v1/blobs/" + sha256, file, options_); });
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<wire::JobCreatedT> ApiClient::submit(const wire::ManifestT& manifest,
                                            const std::string& idempotency_key) const {
  const std::string json = messages::to_json(manifest);
  return parse<wire::JobCreated>(call([&] {
    return http::post(base_ + "/v1/jobs", "application/json", json, options_,
                      {{"Idempotency-Key", idempotency_key}});
  }));
}

Result<wire::JobStatusT> ApiClient::job(const std::string& id) const {
  return parse<wire::JobStatus>(
      call([&] { return http::get(base_ + "/v1/jobs/" + id, options_); }));
}

Result<wire::FrameStatusT> ApiClient::frame(const std::string& id, std::int32_t frame) const {
  const std::string url = base_ + "/v1/jobs/" + id + "/frames/" + std::to_string(frame);
  return parse<wire::FrameStatus>(call([&] { return http::get(url, options_); }));
}

Result<wire::ControlDoneT> ApiClient::control(const std::string& job,
                                              const wire::JobControlT& control) const {
  const std::string url = base_ + "/v1/jobs/" + job + "/control";
  const std::string json = messages::to_json(control);
  return parse<wire::ControlDone>(
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
  auto response = call([&] { return http::get_file(url, part, frame.size_bytes, options_); });
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
