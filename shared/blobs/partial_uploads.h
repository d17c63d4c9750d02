#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "shared/blobs/store.h"
#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::blobs {

/// Uploads that go on where they were cut off: what has come lies in a file of its own until it is
/// all there and hashes to its name. Nothing is held in memory, so a process that was killed
/// resumes them too. Thread-safe, and safe between processes.
class PartialUploads {
 public:
  /// `folder`: best on the file system of a store in a directory, where a finished upload is only
  /// renamed.
  static Result<PartialUploads> open(const Store& store, const std::filesystem::path& folder);

  struct State {
    std::uint64_t offset_bytes = 0;  ///< so many have come
    std::uint64_t size_bytes = 0;    ///< so many are announced
  };
  /// Begins an upload, or finds the one that was begun. kConflict: it was begun with another size.
  /// `account` keeps the uploads of different people apart.
  Result<State> create(const std::string& account,
                       const std::string& sha256,
                       std::uint64_t size_bytes) const;
  /// kNotFound.
  Result<State> state(const std::string& account, const std::string& sha256) const;
  Result<> drop(const std::string& account, const std::string& sha256) const;
  /// Drops what nobody added to for so long.
  void drop_older_than(std::chrono::seconds age) const;

  /// Bytes that are being added. What was written stays when it is dropped.
  class Append {
   public:
    Append(Append&&) noexcept;
    Append& operator=(Append&&) = delete;
    ~Append();
    /// kInvalid once more than the announced size has come.
    Result<> write(ByteView bytes);
    State state() const { return state_; }
    /// Once all has come: checks the hash and moves the blob into the store. kCorrupt: the bytes
    /// are not those of the name; they are dropped, and the upload begins anew.
    Result<> finish();

   private:
    friend class PartialUploads;
    explicit Append(Store store) : store_(std::move(store)) {}
    std::filesystem::path bytes_;
    std::filesystem::path size_file_;
    std::string sha256_;
    State state_;
    Store store_;
    int fd_ = -1;  ///< locked
  };
  /// kConflict: `offset_bytes` is not where it stands, or another connection is adding just now.
  Result<Append> append(const std::string& account,
                        const std::string& sha256,
                        std::uint64_t offset_bytes) const;

 private:
  struct Files {
    std::filesystem::path bytes;
    std::filesystem::path size;
  };
  PartialUploads(Store store, std::filesystem::path folder)
      : store_(std::move(store)), folder_(std::move(folder)) {}
  Files files(const std::string& account, const std::string& sha256) const;

  Store store_;
  std::filesystem::path folder_;
};

}  // namespace worldshare::blobs
