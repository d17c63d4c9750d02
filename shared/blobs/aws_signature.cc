#include "shared/blobs/aws_signature.h"

#include <array>
#include <ctime>

#include "shared/crypto.h"

namespace worldshare::blobs {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

/// "20130524T000000Z"
std::string aws_time(Clock::TimePoint now) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms(now) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 20> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return text.data();
}

std::string scope(const AwsIdentity& identity, const std::string& time) {
  return time.substr(0, 8) + "/" + identity.region + "/s3/aws4_request";
}

std::string signed_headers(const AwsRequest& request) {
  std::string out;
  for (const auto& [name, value] : request.headers) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string canonical_request(const AwsRequest& request) {
  std::string out = request.method + "\n" + uri_escape(request.path, true) + "\n" +
                    query_text(request.query) + "\n";
  for (const auto& [name, value] : request.headers) out.append(name + ":").append(value + "\n");
  return out + "\n" + signed_headers(request) + "\n" + request.payload_sha256;
}

std::string signature(const AwsIdentity& identity,
                      const AwsRequest& request,
                      const std::string& time) {
  const std::string text = std::string(kAlgorithm) + "\n" + time + "\n" + scope(identity, time) +
                           "\n" + to_hex(sha256(as_bytes(canonical_request(request))));
  const std::string first = "AWS4" + identity.secret_key;
  Digest key = hmac_sha256(as_bytes(first), as_bytes(time.substr(0, 8)));
  for (const std::string& step : {identity.region, std::string("s3"), std::string("aws4_request")})
    key = hmac_sha256(key, as_bytes(step));
  return to_hex(hmac_sha256(key, as_bytes(text)));
}

}  // namespace

std::string uri_escape(std::string_view text, bool is_path) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.contains(c) || (is_path && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::string query_text(const std::map<std::string, std::string>& query) {
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += "&";
    out += uri_escape(name, false) + "=" + uri_escape(value, false);
  }
  return out;
}

std::map<std::string, std::string> sign_headers(const AwsIdentity& identity,
                                                AwsRequest request,
                                                Clock::TimePoint now) {
  const std::string time = aws_time(now);
  request.headers["x-amz-content-sha256"] = request.payload_sha256;
  request.headers["x-amz-date"] = time;
  const std::string authorization = std::string(kAlgorithm) + " Credential=" + identity.access_key +
                                    "/" + scope(identity, time) +
                                    ",SignedHeaders=" + signed_headers(request) +
                                    ",Signature=" + signature(identity, request, time);
  return {{"authorization", authorization},
          {"x-amz-content-sha256", request.payload_sha256},
          {"x-amz-date", time}};
}

std::string presign(const AwsIdentity& identity,
                    AwsRequest request,
                    Clock::TimePoint now,
                    std::chrono::seconds lifetime) {
  const std::string time = aws_time(now);
  request.query["X-Amz-Algorithm"] = kAlgorithm;
  request.query["X-Amz-Credential"] = identity.access_key + "/" + scope(identity, time);
  request.query["X-Amz-Date"] = time;
  request.query["X-Amz-Expires"] = std::to_string(lifetime.count());
  request.query["X-Amz-SignedHeaders"] = signed_headers(request);
  const std::string mac = signature(identity, request, time);
  return uri_escape(request.path, true) + "?" + query_text(request.query) +
         "&X-Amz-Signature=" + mac;
}

}  // namespace worldshare::blobs
