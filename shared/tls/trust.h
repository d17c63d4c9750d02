#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <string>

#include "shared/result.h"
#include "shared/unique_handle.h"

namespace worldshare::tls {

using Context = UniqueHandle<SSL_CTX, SSL_CTX_free>;

/// For a client that trusts the authorities in `ca_file` (PEM), or the system's own when it is
/// empty. TLS 1.2 and later. kNotFound, kInvalid: the file.
Result<Context> client_context(const std::filesystem::path& ca_file);

/// For a server: its certificate with the chain, and its private key, both PEM. kNotFound,
/// kInvalid: which file and why; kDenied: a key that others may read.
Result<Context> server_context(const std::filesystem::path& certificate,
                               const std::filesystem::path& key);

/// Demands a certificate for `host`, a name or an address, and tells the server which one is meant.
void expect_host(SSL* ssl, const std::string& host);

/// Why a handshake failed, for people, with the remedy. `peer`: "host:port".
Error handshake_error(SSL* ssl, const std::string& peer);

/// "localhost", 127.0.0.0/8 and ::1: what never leaves this machine.
bool is_loopback(const std::string& host);

}  // namespace worldshare::tls
