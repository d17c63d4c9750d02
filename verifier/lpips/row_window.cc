#include "verifier/lpips/row_window.h"

#include <algorithm>

namespace worldshare::verifier {

RowWindow::RowWindow(const Geometry& geometry)
    : geometry_(geometry),
      phase_floats_((geometry.width + 2 * geometry.pad + geometry.kernel) / geometry.stride + 1 +
                    geometry.overrun),
      channel_floats_(phase_floats_ * geometry.stride),
      samples_(static_cast<std::size_t>(slot_floats() * geometry.kernel)),
      seen_(geometry.pad) {}

void RowWindow::push(const FeatureRow& row) {
  const int step = geometry_.stride;
  float* slot = samples_.data() + seen_ % geometry_.kernel * slot_floats();
  for (int c = 0; c < geometry_.channels; ++c) {
    const float* from = row.data + c * row.stride;
    float* to = slot + c * channel_floats_;
    if (step == 1) {
      std::copy_n(from, geometry_.width, to + geometry_.pad);
      continue;
    }
    for (int x = 0; x < geometry_.width; ++x) {
      const int padded = x + geometry_.pad;
      to[padded % step * phase_floats_ + padded / step] = from[x];
    }
  }
  ++seen_;
}

void RowWindow::push_zeros() {
  float* slot = samples_.data() + seen_ % geometry_.kernel * slot_floats();
  std::fill_n(slot, slot_floats(), 0.0F);
  ++seen_;
}

std::vector<std::int32_t> RowWindow::offsets(int kernel) const {
  const int margin = (geometry_.kernel - kernel) / 2;
  std::vector<std::int32_t> out;
  for (int c = 0; c < geometry_.channels; ++c) {
    for (int y = margin; y < margin + kernel; ++y) {
      const std::ptrdiff_t slot = (first_ + y) % geometry_.kernel * slot_floats();
      for (int x = margin; x < margin + kernel; ++x) {
        const std::ptrdiff_t phase = x % geometry_.stride * phase_floats_ + x / geometry_.stride;
        out.push_back(static_cast<std::int32_t>(slot + c * channel_floats_ + phase));
      }
    }
  }
  return out;
}

}  // namespace worldshare::verifier
