#include "verifier/audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "verifier/audit/coded.h"

namespace worldshare::verifier {
namespace {

constexpr double kContrast = 0.1;     ///< of a block's own contrast, that its mean may deviate
constexpr double kFloatNoise = 1e-4;  ///< threads may move the last bits of floats

Result<> check_plan(const sharding::AuditPlan& plan, const Shape& shape) {
  const auto outside = [&](const messages::PixelBox& box) {
    return box.x0 >= box.x1 || box.y0 >= box.y1 || box.x1 > shape.width || box.y1 > shape.height;
  };
  if (plan.samples == 0 || plan.samples > plan.total) {
    return fail(Errc::kInvalid, fmt::format("audit: {} of {} samples", plan.samples, plan.total));
  }
  if (plan.tiles.empty() || std::ranges::any_of(plan.tiles, outside)) {
    return fail(Errc::kInvalid, "audit: the plan has no tile, or one outside of the picture");
  }
  return {};
}

/// Blocks of one channel, and how their means differ.
class Blocks {
 public:
  Blocks(const Picture& claim, const Picture& audit, const sharding::AuditPlan& plan)
      : claim_(claim),
        audit_(audit),
        plan_(plan),
        width_(claim.shape().width),
        in_tile_(claim.shape().height * std::size_t{width_}) {
    for (const auto& box : plan.tiles) {
      for (std::uint32_t y = box.y0; y < box.y1; ++y) {
        for (std::uint32_t x = box.x0; x < box.x1; ++x)
          in_tile_[y * std::size_t{width_} + x] = true;
      }
    }
  }

  void add_to(AuditFigures& figures, std::size_t channel) {
    blocks_.clear();
    for (std::uint32_t y = 0; y < rows(); ++y) {
      for (std::uint32_t x = 0; x < columns(); ++x) blocks_.push_back(look(x, y, channel));
    }
    for (std::uint32_t y = 0; y < rows(); ++y) {
      for (std::uint32_t x = 0; x < columns(); ++x) {
        const double found = deviation({&at(x, y)});
        if (found > figures.block) {
          figures.block = found;
          figures.block_x = x;
          figures.block_y = y;
        }
        if (x + 1 == columns() || y + 1 == rows()) continue;
        figures.window =
            std::max(figures.window,
                     deviation({&at(x, y), &at(x + 1, y), &at(x, y + 1), &at(x + 1, y + 1)}));
      }
    }
  }

 private:
  struct Block {
    double difference = 0;
    double noise = 0;     ///< standard deviation that few samples explain
    double contrast = 0;  ///< standard deviation within the block of the claim
    bool seen = false;    ///< some of it lies outside of tiles
  };

  std::uint32_t columns() const {
    return (width_ + sharding::kAuditBlock - 1) / sharding::kAuditBlock;
  }
  std::uint32_t rows() const {
    return (claim_.shape().height + sharding::kAuditBlock - 1) / sharding::kAuditBlock;
  }
  const Block& at(std::uint32_t x, std::uint32_t y) const {
    return blocks_[y * std::size_t{columns()} + x];
  }

  Block look(std::uint32_t column, std::uint32_t row, std::size_t channel) const {
    const std::uint32_t right = std::min((column + 1) * sharding::kAuditBlock, width_);
    const std::uint32_t below = std::min((row + 1) * sharding::kAuditBlock, claim_.shape().height);
    double sum = 0;
    double squares = 0;
    double audited = 0;
    double pixels = 0;
    double outside = 0;
    for (std::uint32_t y = row * sharding::kAuditBlock; y < below; ++y) {
      for (std::uint32_t x = column * sharding::kAuditBlock; x < right; ++x) {
        const double value = value_at(claim_, x, y, channel);
        sum += value;
        squares += value * value;
        ++pixels;
        if (in_tile_[y * std::size_t{width_} + x]) continue;
        audited += value_at(audit_, x, y, channel);
        ++outside;
      }
    }
    if (outside == 0) return {};
    const double mean = sum / pixels;
    const double contrast = std::sqrt(std::max(0.0, squares / pixels - mean * mean));
    const double fewer = std::sqrt(plan_.total / (plan_.samples * pixels));
    // Every block may deviate by a level.
    return {audited / outside - mean, kLevel + contrast * fewer, contrast, true};
  }

  static double deviation(std::initializer_list<const Block*> blocks) {
    double difference = 0;
    double variance = 0;
    double contrast = 0;
    for (const Block* block : blocks) {
      if (!block->seen) return 0;
      difference += block->difference;
      variance += block->noise * block->noise;
      contrast += block->contrast;
    }
    return std::abs(difference) / (std::sqrt(variance) + kContrast * contrast);
  }

  const Picture& claim_;
  const Picture& audit_;
  const sharding::AuditPlan& plan_;
  const std::uint32_t width_;
  std::vector<bool> in_tile_;
  std::vector<Block> blocks_;
};

/// What the coding hides counts like black against white.
double difference_at(const Picture& claim,
                     const Picture& audit,
                     std::uint32_t x,
                     std::uint32_t y,
                     std::size_t channel) {
  if (is_float(claim.shape().depth) &&
      differ_in_kind(linear_at(claim, x, y, channel), linear_at(audit, x, y, channel))) {
    return 1;
  }
  return std::abs(value_at(claim, x, y, channel) - value_at(audit, x, y, channel));
}

void look_into_tile(const Picture& claim,
                    const Picture& audit,
                    const messages::PixelBox& box,
                    const AuditLimits& limits,
                    AuditFigures& figures) {
  const double noise = is_float(claim.shape().depth) ? kFloatNoise : 0;
  std::uint32_t visible = 0;
  for (std::uint32_t y = box.y0; y < box.y1; ++y) {
    for (std::uint32_t x = box.x0; x < box.x1; ++x) {
      double largest = 0;
      for (std::size_t channel = 0; channel < claim.shape().channels; ++channel) {
        const double difference = difference_at(claim, audit, x, y, channel);
        ++figures.samples;
        figures.differing += difference > noise;
        largest = std::max(largest, difference);
      }
      visible += largest > limits.visible;
    }
  }
  ++figures.tiles;
  figures.wrong_tiles += 2 * visible >= box.width() * box.height();
}

}  // namespace

Result<AuditFigures> examine_audit(const Picture& claim,
                                   const Picture& audit,
                                   const sharding::AuditPlan& plan,
                                   const AuditLimits& limits) {
  if (claim.empty() || claim.shape() != audit.shape()) {
    return fail(Errc::kInvalid, "audit: it has another size or format than the picture");
  }
  if (auto ok = check_plan(plan, claim.shape()); !ok) return std::unexpected(ok.error());
  AuditFigures out;
  for (const auto& box : plan.tiles) look_into_tile(claim, audit, box, limits, out);
  Blocks blocks(claim, audit, plan);
  for (std::size_t channel = 0; channel < claim.shape().channels; ++channel) {
    blocks.add_to(out, channel);
  }
  return out;
}

std::string fault_found(const AuditFigures& figures, const AuditLimits& limits) {
  if (figures.wrong_tiles > 0) {
    return fmt::format("{} of {} tiles show other pixels", figures.wrong_tiles, figures.tiles);
  }
  const auto allowed = limits.differing * static_cast<double>(figures.samples);
  if (static_cast<double>(figures.differing) > std::max<double>(limits.few, allowed)) {
    return fmt::format(
        "{} of {} samples in tiles differ: the noise is not that of the frame's "
        "samples and seed",
        figures.differing, figures.samples);
  }
  if (figures.block > limits.block) {
    return fmt::format("the frame shows something else around the pixel {},{}",
                       figures.block_x * sharding::kAuditBlock,
                       figures.block_y * sharding::kAuditBlock);
  }
  if (figures.window > limits.window) return "the frame shows something else in some blocks";
  return {};
}

}  // namespace worldshare::verifier
