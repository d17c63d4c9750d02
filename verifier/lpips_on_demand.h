#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "verifier/lpips/lpips.h"

namespace worldshare::verifier {

/// LPIPS that takes no memory, on a GPU a gigabyte, before somebody asks for the first distance.
/// Whatever is in its way costs the figure and nothing else. Thread-safe.
class LpipsOnDemand {
 public:
  struct Opened {
    std::unique_ptr<Lpips> lpips;
    std::uint64_t limit_pixels = UINT64_MAX;  ///< larger pictures would take too long
  };
  using Open = std::function<Result<Opened>()>;

  /// Never has a distance; `why` as status() gives it: "off", "unavailable: ...".
  explicit LpipsOnDemand(std::string why);
  /// `open` is called at most once.
  LpipsOnDemand(Net net, Open open);

  /// Nothing when there is no model, no memory, or the pictures are too small or too large for it.
  std::optional<double> distance(const Picture& a, const Picture& b);
  /// "alex" or "squeeze"; empty where there never is a distance.
  const std::string& network() const { return network_; }
  /// For people: "alex, not needed yet", "cuda alex", "off", "unavailable: <why>".
  std::string status() const;

 private:
  /// Null when it cannot be opened.
  const Opened* opened();

  const std::string network_;
  mutable std::mutex mutex_;
  Open open_;           ///< guarded by mutex_; empty once it was called
  Opened opened_;       ///< guarded by mutex_ until it is set, then immutable
  std::string status_;  ///< guarded by mutex_
};

}  // namespace worldshare::verifier
