#include "shared/tls/trust.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <ctime>

namespace worldshare::tls {
namespace {

/// What OpenSSL complained of last; empties its queue.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "the connection was closed";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "TLS error " + std::to_string(code) : reason;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return text.data();
}

std::string why_untrusted(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has expired; its operator must renew it, unless this machine's clock is wrong (it "
             "says " +
             today() + ")";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "is not valid yet; set this machine's clock (it says " + today() + ")";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "is for another name; use the name that it was made for, or have it made for this one";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "is signed by an authority that is not trusted here; name the farm's CA certificate "
             "(--ca FILE, or ca_file in the configuration)";
    default: return std::string("is refused: ") + X509_verify_cert_error_string(verdict);
  }
}

Result<> check_readable(const std::filesystem::path& file, const char* what, bool secret) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0)
    return fail(Errc::kNotFound, std::string("no ") + what + " " + file.string());
  if (secret && (info.st_mode & 077) != 0) {
    return fail(Errc::kDenied,
                "key file " + file.string() + " is readable by others: chmod 600 it");
  }
  return {};
}

Result<Context> make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  Context context(SSL_CTX_new(method));
  WS_CHECK(context != nullptr, "SSL_CTX_new");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  return context;
}

}  // namespace

Result<Context> client_context(const std::filesystem::path& ca_file) {
  auto context = make_context(TLS_client_method());
  if (!context) return context;
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context->get());
    return context;
  }
  if (auto ok = check_readable(ca_file, "CA file", false); !ok) return std::unexpected(ok.error());
  if (SSL_CTX_load_verify_locations(context->get(), ca_file.c_str(), nullptr) != 1) {
    return fail(Errc::kInvalid, "CA file " + ca_file.string() +
                                    " holds no certificate in PEM form: " + openssl_reason());
  }
  return context;
}

Result<Context> server_context(const std::filesystem::path& certificate,
                               const std::filesystem::path& key) {
  if (auto ok = check_readable(certificate, "certificate", false); !ok)
    return std::unexpected(ok.error());
  if (auto ok = check_readable(key, "key file", true); !ok) return std::unexpected(ok.error());
  auto context = make_context(TLS_server_method());
  if (!context) return context;
  if (SSL_CTX_use_certificate_chain_file(context->get(), certificate.c_str()) != 1) {
    return fail(Errc::kInvalid,
                "certificate " + certificate.string() + " cannot be used: " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context->get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Errc::kInvalid,
                "key file " + key.string() +
                    " does not belong to the certificate, or is no PEM key: " + openssl_reason());
  }
  return context;
}

void expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return;
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  // OpenSSL's macro for it casts as C does.
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(host.c_str()));
}

Error handshake_error(SSL* ssl, const std::string& peer) {
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    return {Errc::kDenied, "the certificate of " + peer + " " + why_untrusted(verdict)};
  }
  return {Errc::kUnavailable,
          "no TLS with " + peer + ": " + openssl_reason() + "; is it a TLS port?"};
}

bool is_loopback(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127U;
  // RFC 6761: every name below localhost is this machine's.
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" || host == "[::1]";
}

}  // namespace worldshare::tls
