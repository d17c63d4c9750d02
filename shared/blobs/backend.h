#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/bytes.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace worldshare::blobs {

/// A URL that grants one access, and the headers that have to be sent with it.
struct Grant {
  std::string url;
  std::map<std::string, std::string> headers;  ///< lower-case names; without Content-Length
};

/// Where a store's bytes lie. Names are SHA-256 in hex; hashing is Store's business, but for bytes
/// that came over a network: those are checked here. Thread-safe, and safe between processes.
/// Errors: kNotFound; kUnavailable and kTimeout pass by themselves; kDenied and kInvalid need a
/// person, and the message says what to do.
class Backend {
 public:
  struct Listed {
    std::string sha256;
    std::uint64_t size_bytes = 0;
    Clock::TimePoint stored_at;
  };
  /// Bytes on their way in; nothing is seen of them before commit(), and dropped without it they
  /// leave nothing that drop_leftovers() does not find.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual Result<> write(ByteView bytes) = 0;
    virtual Result<> commit() = 0;
  };

  virtual ~Backend() = default;
  virtual Result<std::uint64_t> size(const std::string& sha256) const = 0;
  virtual Result<Listed> stat(const std::string& sha256) const = 0;
  /// As Store::load().
  virtual Result<ByteView> load(const std::string& sha256,
                                std::uint64_t limit_bytes,
                                Bytes& storage) const = 0;
  /// As Store::file().
  virtual Result<std::filesystem::path> file(const std::string& sha256) const = 0;
  virtual Result<std::unique_ptr<Sink>> begin(const std::string& sha256,
                                              std::uint64_t size_bytes) const = 0;
  /// Takes a file whose hash was checked; it is gone afterwards.
  virtual Result<> adopt(const std::string& sha256, const std::filesystem::path& file) const = 0;
  virtual Result<> remove(const std::string& sha256) const = 0;
  /// As Store::list().
  virtual Result<std::vector<Listed>> list(const std::string& after, std::size_t limit) const = 0;
  /// As Store::drop_leftovers().
  virtual Result<std::uint64_t> drop_leftovers(Clock::TimePoint before) const = 0;
  /// Empty when bytes can be read and written, else why not.
  virtual std::string trouble() const = 0;

  /// As Store::grant_get() and grant_put(): nothing where the gateway hands out the bytes.
  virtual std::optional<Grant> grant_get(const std::string& sha256,
                                         std::chrono::seconds lifetime) const = 0;
  virtual std::optional<Grant> grant_put(const std::string& sha256,
                                         std::uint64_t size_bytes,
                                         const std::string& lease,
                                         std::chrono::seconds lifetime) const = 0;
  /// As Store::admit().
  virtual Result<> admit(const std::string& sha256,
                         std::uint64_t size_bytes,
                         const std::string& lease) const = 0;
};

}  // namespace worldshare::blobs
