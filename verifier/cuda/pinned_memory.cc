#include <cuda_runtime_api.h>

#include <list>
#include <mutex>

#include "verifier/cuda/cuda_metrics.h"

namespace worldshare::verifier {
namespace {

/// Pieces of page-locked memory, kept for reuse because locking pages is slow.
class PinnedPool {
 public:
  explicit PinnedPool(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~PinnedPool() {
    for (const Piece& piece : free_) cudaFreeHost(piece.memory);
  }
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;

  struct Piece {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };

  /// Null when the limit is reached.
  Piece take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
      if (piece->bytes < bytes || piece->bytes > 2 * bytes) continue;
      const Piece found = *piece;
      free_.erase(piece);
      return found;
    }
    while (held_bytes_ + bytes > limit_bytes_ && !free_.empty()) drop_oldest();
    Piece piece{nullptr, bytes};
    if (held_bytes_ + bytes > limit_bytes_ || cudaMallocHost(&piece.memory, bytes) != cudaSuccess)
      return {};
    held_bytes_ += bytes;
    return piece;
  }
  void give_back(const Piece& piece) {
    const std::lock_guard lock(mutex_);
    free_.push_back(piece);
  }

 private:
  void drop_oldest() {
    held_bytes_ -= free_.front().bytes;
    cudaFreeHost(free_.front().memory);
    free_.pop_front();
  }

  const std::size_t limit_bytes_;
  std::mutex mutex_;
  std::list<Piece> free_;       ///< guarded by mutex_; the oldest first
  std::size_t held_bytes_ = 0;  ///< guarded by mutex_; in use and free
};

class PinnedPictures final : public PictureMemory {
 public:
  explicit PinnedPictures(std::size_t limit_bytes)
      : pool_(std::make_shared<PinnedPool>(limit_bytes)) {}

  std::shared_ptr<std::byte> take(std::size_t bytes) override {
    const PinnedPool::Piece piece = pool_->take(bytes);
    if (piece.memory == nullptr) return heap_.take(bytes);
    return {static_cast<std::byte*>(piece.memory),
            [pool = pool_, piece](std::byte*) { pool->give_back(piece); }};
  }

 private:
  const std::shared_ptr<PinnedPool> pool_;  ///< pictures may outlive this object
  HeapMemory heap_;
};

}  // namespace

std::unique_ptr<PictureMemory> make_pinned_memory(std::size_t limit_bytes) {
  return std::make_unique<PinnedPictures>(limit_bytes);
}

}  // namespace worldshare::verifier
