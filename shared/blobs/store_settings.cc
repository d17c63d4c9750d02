#include "shared/blobs/store_settings.h"

#include "shared/blobs/s3_backend.h"
#include "shared/files.h"
#include "shared/tls/trust.h"

namespace worldshare::blobs {
namespace {

constexpr std::uint64_t kSmallestPart = 5ULL << 20;  // "Multipart upload limits", Amazon S3
constexpr std::uint64_t kLargestPart = 1ULL << 30;

/// The name of the machine in "http[s]://host[:port]"; "" when it is not that.
std::string host_in(const std::string& endpoint) {
  const auto scheme = endpoint.find("://");
  const bool known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
  if (!known || endpoint.find_first_of("/?#@ ", scheme + 3) != std::string::npos) return "";
  const std::string rest = endpoint.substr(scheme + 3);
  return rest.substr(0, rest.rfind(':'));
}

Result<> check_endpoint(const std::string& key, const std::string& endpoint, bool allow_plain) {
  const std::string host = host_in(endpoint);
  if (host.empty())
    return fail(Errc::kInvalid, key + ": must be http[s]://host[:port], without a path");
  if (endpoint.starts_with("http:") && !allow_plain && !tls::is_loopback(host)) {
    return fail(Errc::kInvalid, key + ": " + host +
                                    " is another machine; use https://, or set "
                                    "blobs.s3.allow_plain: true");
  }
  return {};
}

Result<AwsIdentity> read_identity(const StoreSettings& settings) {
  const std::string key = "blobs.s3.credentials_file: ";
  const auto& file = settings.s3_credentials_file;
  if (auto ok = check_private(file); !ok) return fail(Errc::kInvalid, key + ok.error().message);
  AwsIdentity out;
  out.region = settings.s3_region;
  YamlFields fields;
  fields.add("access_key", out.access_key).add_secret("secret_key", out.secret_key);
  if (auto ok = fields.load(file); !ok) return fail(Errc::kInvalid, key + ok.error().message);
  if (out.access_key.empty() || out.secret_key.empty()) {
    return fail(Errc::kInvalid, key + file.string() + " must hold access_key and secret_key");
  }
  return out;
}

Result<S3Options> s3_options(const StoreSettings& settings) {
  auto identity = read_identity(settings);
  if (!identity) return std::unexpected(identity.error());
  S3Options out;
  out.endpoint = settings.s3_endpoint;
  out.public_endpoint = settings.s3_public_endpoint;
  out.bucket = settings.s3_bucket;
  out.identity = std::move(*identity);
  out.web.ca_file = settings.s3_ca_file;
  out.web.allow_plain = settings.s3_allow_plain;
  return out;
}

}  // namespace

void StoreSettings::add_to(YamlFields& fields) {
  fields.add("blobs.directory", directory)
      .add("blobs.s3.endpoint", s3_endpoint)
      .add("blobs.s3.public_endpoint", s3_public_endpoint)
      .add("blobs.s3.bucket", s3_bucket)
      .add("blobs.s3.prefix", s3_prefix)
      .add("blobs.s3.region", s3_region)
      .add("blobs.s3.credentials_file", s3_credentials_file)
      .add("blobs.s3.ca_file", s3_ca_file)
      .add("blobs.s3.allow_plain", s3_allow_plain)
      .add("blobs.s3.copies_bytes", s3_copies_bytes)
      .add("blobs.s3.part_bytes", s3_part_bytes);
}

Result<> StoreSettings::check() const {
  if (!is_s3()) {
    if (s3_bucket.empty() && s3_credentials_file.empty()) return {};
    return fail(Errc::kInvalid, "blobs.s3.endpoint: must be named with the other blobs.s3 keys");
  }
  if (auto ok = check_endpoint("blobs.s3.endpoint", s3_endpoint, s3_allow_plain); !ok) return ok;
  if (!s3_public_endpoint.empty()) {
    auto ok = check_endpoint("blobs.s3.public_endpoint", s3_public_endpoint, s3_allow_plain);
    if (!ok) return ok;
  }
  if (s3_bucket.empty() || s3_bucket.contains('/'))
    return fail(Errc::kInvalid, "blobs.s3.bucket: must name a bucket");
  if (s3_region.empty()) return fail(Errc::kInvalid, "blobs.s3.region: must not be empty");
  if (s3_credentials_file.empty()) {
    return fail(Errc::kInvalid,
                "blobs.s3.credentials_file: must name a file with access_key and secret_key");
  }
  const bool prefix_ok =
      s3_prefix.empty() || (s3_prefix.ends_with('/') && !s3_prefix.starts_with('/'));
  if (!prefix_ok) return fail(Errc::kInvalid, "blobs.s3.prefix: must end with '/', as in farm/");
  if (s3_part_bytes < kSmallestPart || s3_part_bytes > kLargestPart)
    return fail(Errc::kInvalid, "blobs.s3.part_bytes: must be 5242880 (5 MiB) to 1 GiB");
  return {};
}

Result<> StoreSettings::provision() const {
  if (auto ok = check(); !ok) return ok;
  if (!is_s3()) return {};
  auto bucket = s3_options(*this);
  if (!bucket) return std::unexpected(bucket.error());
  return S3Client(std::move(*bucket)).ensure_bucket();
}

Result<Store> StoreSettings::open() const {
  if (auto ok = check(); !ok) return std::unexpected(ok.error());
  if (!is_s3()) return Store::open(directory);
  auto bucket = s3_options(*this);
  if (!bucket) return std::unexpected(bucket.error());
  S3Backend::Options options;
  options.store = std::move(*bucket);
  options.prefix = s3_prefix;
  options.folder = directory / "copies";
  options.copies_bytes = s3_copies_bytes;
  options.part_bytes = s3_part_bytes;
  auto backend = S3Backend::open(options);
  if (!backend) return std::unexpected(backend.error());
  return Store(std::move(*backend));
}

}  // namespace worldshare::blobs
