#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "shared/http/client.h"
#include "shared/messages/messages.h"
#include "shared/result.h"

namespace worldshare::cli {

/// The dispatcher's HTTP API. Calls that meet a dispatcher that is restarting are repeated for
/// `patience`; submissions carry an idempotency key, so a repeat makes no second job. One thread.
class ApiClient {
 public:
  ApiClient(std::string base,
            http::ClientOptions options,
            std::stop_token stop,
            std::chrono::milliseconds patience = std::chrono::seconds(60));

  /// Stores a file as a blob. A large one goes in pieces, and goes on where it was cut off: also
  /// when this program was, and the gateway. `progress` hears how many bytes are there.
  Result<> upload(const std::filesystem::path& file,
                  const std::string& sha256,
                  const std::function<void(std::uint64_t, std::uint64_t)>& progress = {}) const;
  Result<wire::JobCreatedT> submit(const wire::ManifestT& manifest,
                                   const std::string& idempotency_key) const;
  Result<wire::JobStatusT> job(const std::string& id) const;
  Result<wire::FrameStatusT> frame(const std::string& id, std::int32_t frame) const;
  /// A table of the API by its path, "/v1/queue".
  template <class Answer>
  Result<Answer> get(const std::string& path) const {
    auto response = call([&] { return http::get(base_ + path, options_); });
    if (!response) return std::unexpected(response.error());
    return messages::parse_json<Answer>(response->body);
  }
  /// What the API answers to a POST, as a table.
  template <class Answer>
  Result<Answer> post(const std::string& path,
                      const std::string& json,
                      const std::map<std::string, std::string>& headers = {}) const {
    auto response =
        call([&] { return http::post(base_ + path, "application/json", json, options_, headers); });
    if (!response) return std::unexpected(response.error());
    return messages::parse_json<Answer>(response->body);
  }
  Result<> remove(const std::string& path) const;
  Result<wire::ControlDoneT> control(const std::string& job,
                                     const wire::JobControlT& control) const;
  Result<> control_node(const std::string& agent, const wire::NodeControlT& control) const;
  Result<wire::EnrolmentTokenT> make_enrolment_token(const wire::EnrolmentOrderT& order) const;
  Result<> withdraw_enrolment_token(const std::string& id) const;
  Result<wire::OwnerRevokedT> revoke_owner(const std::string& owner,
                                           const std::string& reason) const;
  Result<> overrule(const std::string& owner, const wire::OverruleT& order) const;
  /// Fetches a verified frame and checks its bytes against its name.
  Result<> download(const wire::FrameStatusT& frame, const std::filesystem::path& file) const;

 private:
  using Progress = std::function<void(std::uint64_t, std::uint64_t)>;
  Result<> upload_in_pieces(const std::filesystem::path& file,
                            const std::string& sha256,
                            std::uint64_t size_bytes,
                            const Progress& progress) const;
  Result<wire::UploadStateT> begin_upload(const std::string& sha256,
                                          std::uint64_t size_bytes) const;
  Result<http::Response> call(const std::function<Result<http::Response>()>& attempt) const;
  std::string base_;
  http::ClientOptions options_;
  std::stop_token stop_;
  std::chrono::milliseconds patience_;
};

}  // namespace worldshare::cli
