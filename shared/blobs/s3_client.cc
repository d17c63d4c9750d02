#include "shared/blobs/s3_client.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>
#include <thread>

#include "shared/blobs/s3_xml.h"
#include "shared/crypto.h"

namespace worldshare::blobs {
namespace {

constexpr std::array<std::chrono::milliseconds, 2> kPauses{std::chrono::milliseconds(200),
                                                           std::chrono::milliseconds(800)};

/// "host[:port]" of "http[s]://host[:port]", without the port that goes without saying.
std::string host_of(const std::string& endpoint) {
  std::string host = endpoint.substr(endpoint.find("://") + 3);
  const std::string usual = endpoint.starts_with("https:") ? ":443" : ":80";
  if (host.ends_with(usual)) host.resize(host.size() - usual.size());
  return host;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "2026-11-26T09:00:00.000Z" or "Thu, 26 Nov 2026 09:00:00 GMT"; the beginning of time when it is
/// neither.
Clock::TimePoint time_of(const std::string& text) {
  std::tm parts{};
  const char* form = text.contains(',') ? "%a, %d %b %Y %H:%M:%S" : "%Y-%m-%dT%H:%M:%S";
  if (strptime(text.c_str(), form, &parts) == nullptr) return {};
  return Clock::TimePoint(std::chrono::seconds(timegm(&parts)));
}

std::string header(const http::Response& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? std::string() : found->second;
}

std::string hash_of(ByteView bytes) { return to_hex(sha256(bytes)); }

}  // namespace

std::string S3Client::path(const std::string& key) const {
  return "/" + options_.bucket + (key.empty() ? "" : "/" + key);
}

Error S3Client::to_error(const Call& call, const http::Response& response) const {
  const std::string code = xml_text(response.body, "Code");
  const std::string where = "the object store at " + options_.endpoint;
  const std::string what =
      fmt::format("{}: {} {}: HTTP {} {} {}", where, call.method, path(call.key), response.status,
                  code, xml_text(response.body, "Message"));
  if (code == "NoSuchBucket") {
    return {Errc::kInvalid,
            fmt::format("blobs.s3.bucket: {} has no bucket {}; create it", where, options_.bucket)};
  }
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch") {
    return {Errc::kDenied, fmt::format("blobs.s3.credentials_file: {} does not take this key ({}); "
                                       "put its access_key and secret_key there",
                                       where, code)};
  }
  if (code == "RequestTimeTooSkewed")
    return {Errc::kDenied, where + " has another time than this machine; set the clock"};
  switch (response.status) {
    case 403: return {Errc::kDenied, what + "; is it the right key, and may it do this?"};
    case 404: return {Errc::kNotFound, what};
    case 409:
    case 412: return {Errc::kConflict, what};
    case 408:
    case 429: return {Errc::kUnavailable, what};
    case 501: return {Errc::kInvalid, what};
    default: return {response.status >= 500 ? Errc::kUnavailable : Errc::kInvalid, what};
  }
}

Result<http::Response> S3Client::call_once(const Call& call) const {
  AwsRequest request;
  request.method = call.method;
  request.path = path(call.key);
  request.query = call.query;
  request.headers = call.headers;
  request.headers["host"] = host_of(options_.endpoint);
  request.payload_sha256 = hash_of(call.body);
  auto headers = sign_headers(options_.identity, request, SystemClock().now());
  headers.insert(call.headers.begin(), call.headers.end());
  std::string url = options_.endpoint + uri_escape(request.path, true);
  if (!call.query.empty()) url += "?" + query_text(call.query);
  auto response = call.save_to != nullptr
                      ? http::get_file(url, *call.save_to, call.limit_bytes, options_.web, headers)
                      : http::send(call.method, url, headers, call.body, options_.web);
  if (!response) {
    auto& message = response.error().message;
    message = "the object store at " + options_.endpoint + ": " + message;
    return response;
  }
  // Calls that take long answer 200 first and what became of them afterwards.
  const bool failed = response->status / 100 != 2 || response->body.contains("<Error>");
  if (!failed) return response;
  if (response->status / 100 == 2) response->status = 500;
  return std::unexpected(to_error(call, *response));
}

Result<http::Response> S3Client::call(const Call& call) const {
  for (const auto pause : kPauses) {
    auto response = call_once(call);
    const bool passes = !response && (response.error().code == Errc::kUnavailable ||
                                      response.error().code == Errc::kTimeout);
    if (!passes) return response;
    std::this_thread::sleep_for(pause);
  }
  return call_once(call);
}

Result<> S3Client::ensure_bucket() const {
  const auto looked = call({.method = "HEAD", .key = ""});
  if (looked) return {};
  if (looked.error().code != Errc::kNotFound) {
    // The answer to a HEAD has no words.
    const auto listed = list("", "", 1);
    return listed ? Result<>() : std::unexpected(listed.error());
  }
  const auto& region = options_.identity.region;
  const std::string elsewhere = fmt::format(
      "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
      xml_escape(region));
  // Amazon S3 refuses the name of its first region.
  const std::string body = region == AwsIdentity().region ? "" : elsewhere;
  const auto made = call({.method = "PUT", .key = "", .body = as_bytes(body)});
  // Another one was faster.
  if (!made && made.error().code != Errc::kConflict) return std::unexpected(made.error());
  return {};
}

Result<S3Client::Object> S3Client::head(const std::string& key) const {
  const auto response = call({.method = "HEAD", .key = key});
  if (!response) return std::unexpected(response.error());
  return Object{key, number(header(*response, "content-length")), header(*response, "etag"),
                time_of(header(*response, "last-modified"))};
}

Result<std::string> S3Client::get_file(const std::string& key,
                                       const std::filesystem::path& file,
                                       std::uint64_t limit_bytes) const {
  const auto response =
      call({.method = "GET", .key = key, .save_to = &file, .limit_bytes = limit_bytes});
  if (!response) return std::unexpected(response.error());
  return header(*response, "etag");
}

Result<> S3Client::put(const std::string& key, ByteView bytes) const {
  const auto response = call({.method = "PUT", .key = key, .body = bytes});
  if (!response) return std::unexpected(response.error());
  return {};
}

Result<std::string> S3Client::copy(const std::string& from,
                                   const std::string& to,
                                   const std::string& etag) const {
  const auto response = call({.method = "PUT",
                              .key = to,
                              .headers = {{"x-amz-copy-source", uri_escape(path(from), true)},
                                          {"x-amz-copy-source-if-match", etag}}});
  if (!response) return std::unexpected(response.error());
  return xml_text(response->body, "ETag");
}

Result<> S3Client::remove(const std::string& key) const {
  const auto response = call({.method = "DELETE", .key = key});
  if (!response && response.error().code != Errc::kNotFound)
    return std::unexpected(response.error());
  return {};
}

Result<std::vector<S3Client::Object>> S3Client::list(const std::string& prefix,
                                                     const std::string& after,
                                                     std::size_t limit) const {
  std::map<std::string, std::string> query{{"list-type", "2"},
                                           {"max-keys", std::to_string(std::min(limit, 1000UZ))},
                                           {"prefix", prefix}};
  if (!after.empty()) query["start-after"] = after;
  const auto response = call({.method = "GET", .key = "", .query = std::move(query)});
  if (!response) return std::unexpected(response.error());
  std::vector<Object> out;
  for (const auto entry : xml_elements(response->body, "Contents")) {
    out.push_back({xml_text(entry, "Key"), number(xml_text(entry, "Size")), xml_text(entry, "ETag"),
                   time_of(xml_text(entry, "LastModified"))});
  }
  return out;
}

Result<std::string> S3Client::begin_parts(const std::string& key) const {
  const auto response = call({.method = "POST", .key = key, .query = {{"uploads", ""}}});
  if (!response) return std::unexpected(response.error());
  auto upload = xml_text(response->body, "UploadId");
  if (upload.empty())
    return fail(Errc::kUnavailable, "the object store began an upload without an id");
  return upload;
}

Result<std::string> S3Client::put_part(const std::string& key,
                                       const std::string& upload,
                                       std::size_t number,
                                       ByteView bytes) const {
  const auto response =
      call({.method = "PUT",
            .key = key,
            .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload}},
            .body = bytes});
  if (!response) return std::unexpected(response.error());
  return header(*response, "etag");
}

Result<> S3Client::end_parts(const std::string& key,
                             const std::string& upload,
                             const std::vector<std::string>& etags) const {
  std::string parts;
  for (std::size_t i = 0; i < etags.size(); ++i) {
    parts += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                         xml_escape(etags[i]));
  }
  const std::string body = fmt::format(
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}"
      "</CompleteMultipartUpload>",
      parts);
  const auto response = call({.method = "POST",
                              .key = key,
                              .query = {{"uploadId", upload}},
                              .headers = {{"content-type", "application/xml"}},
                              .body = as_bytes(body)});
  if (response) return {};
  // The answer of an earlier try may have been lost.
  if (response.error().code == Errc::kNotFound && head(key)) return {};
  return std::unexpected(response.error());
}

Result<> S3Client::drop_parts(const std::string& key, const std::string& upload) const {
  const auto response = call({.method = "DELETE", .key = key, .query = {{"uploadId", upload}}});
  if (!response && response.error().code != Errc::kNotFound)
    return std::unexpected(response.error());
  return {};
}

Result<std::vector<S3Client::OpenUpload>> S3Client::open_uploads(const std::string& prefix) const {
  const auto response =
      call({.method = "GET", .key = "", .query = {{"prefix", prefix}, {"uploads", ""}}});
  if (!response) return std::unexpected(response.error());
  std::vector<OpenUpload> out;
  for (const auto entry : xml_elements(response->body, "Upload")) {
    out.push_back({xml_text(entry, "Key"), xml_text(entry, "UploadId"),
                   time_of(xml_text(entry, "Initiated"))});
  }
  return out;
}

const std::string& S3Client::public_base() const {
  return options_.public_endpoint.empty() ? options_.endpoint : options_.public_endpoint;
}

AwsRequest S3Client::public_request(const std::string& method, const std::string& key) const {
  AwsRequest request;
  request.method = method;
  request.path = path(key);
  request.headers["host"] = host_of(public_base());
  request.payload_sha256 = kUnsignedPayload;
  return request;
}

Grant S3Client::grant_get(const std::string& key, std::chrono::seconds lifetime) const {
  return {public_base() +
              presign(options_.identity, public_request("GET", key), SystemClock().now(), lifetime),
          {}};
}

Grant S3Client::grant_put(const std::string& key,
                          std::uint64_t size_bytes,
                          const std::string& sha256,
                          std::chrono::seconds lifetime) const {
  AwsRequest request = public_request("PUT", key);
  request.headers["content-length"] = std::to_string(size_bytes);
  request.headers["x-amz-content-sha256"] = sha256;
  request.payload_sha256 = sha256;
  // Amazon S3 takes the hash from the header, SeaweedFS from here.
  request.query["X-Amz-Content-Sha256"] = sha256;
  return {public_base() + presign(options_.identity, request, SystemClock().now(), lifetime),
          {{"x-amz-content-sha256", sha256}}};
}

}  // namespace worldshare::blobs
