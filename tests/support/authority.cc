#include "tests/support/authority.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>

#include "shared/result.h"
#include "shared/unique_handle.h"

namespace worldshare::testing {
namespace {

using Key = UniqueHandle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = UniqueHandle<X509, X509_free>;
using Extension = UniqueHandle<X509_EXTENSION, X509_EXTENSION_free>;

Key new_key() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

template <class Write>
void write_pem(const std::filesystem::path& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  WS_CHECK(file != nullptr && write(file) == 1, "PEM file");
  std::fclose(file);
  ::chmod(path.c_str(), 0600);
}

void add(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  WS_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

Certificate blank(const std::string& name,
                  EVP_PKEY* key,
                  std::chrono::seconds from,
                  std::chrono::seconds until) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), from.count());
  X509_gmtime_adj(X509_getm_notAfter(out.get()), until.count());
  X509_set_pubkey(out.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return out;
}

}  // namespace

struct Authority::Impl {
  Key key = new_key();
  Certificate certificate;
};

Authority::Authority() : impl_(std::make_unique<Impl>()) {
  impl_->certificate =
      blank("test authority", impl_->key.get(), -std::chrono::hours(24), std::chrono::hours(24));
  X509* own = impl_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add(own, own, NID_key_usage, "critical,keyCertSign");
  WS_CHECK(X509_sign(own, impl_->key.get(), EVP_sha256()) > 0, "sign");
  write_pem(certificate(), [own](std::FILE* file) { return PEM_write_X509(file, own); });
}

Authority::~Authority() = default;

Authority::Issued Authority::issue(const std::string& names,
                                   std::chrono::seconds from,
                                   std::chrono::seconds until) {
  const Key key = new_key();
  const Certificate made = blank("test server", key.get(), from, until);
  X509_set_issuer_name(made.get(), X509_get_subject_name(impl_->certificate.get()));
  add(made.get(), impl_->certificate.get(), NID_subject_alt_name, names);
  WS_CHECK(X509_sign(made.get(), impl_->key.get(), EVP_sha256()) > 0, "sign");
  const std::string name = "server-" + std::to_string(++issued_);
  Issued out{folder_.path() / (name + ".pem"), folder_.path() / (name + ".key"), certificate()};
  write_pem(out.certificate, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
  write_pem(out.key, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return out;
}

}  // namespace worldshare::testing
