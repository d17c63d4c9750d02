#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace worldshare::verifier {

/// What was found out about artifacts, so that it is found out once. In order: what is known to
/// decode has structure too.
enum class Knowledge : std::uint8_t { kNone, kStructure, kDecodes };

/// The latest artifacts of which something is known, a few hundred bytes each. Only what is good is
/// kept, and blobs never change, so nothing in it can become wrong. Thread-safe.
class KnownArtifacts {
 public:
  explicit KnownArtifacts(std::size_t limit) : limit_(limit) {}
  Knowledge of(const std::string& key);
  /// Never makes knowledge less.
  void learn(const std::string& key, Knowledge knowledge);

 private:
  struct Entry {
    std::string key;
    Knowledge knowledge;
  };

  const std::size_t limit_;
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< latest first; guarded by mutex_
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;  ///< guarded by mutex_
};

}  // namespace worldshare::verifier
