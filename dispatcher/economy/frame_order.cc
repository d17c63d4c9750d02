#include "dispatcher/economy/frame_order.h"

namespace worldshare::dispatcher {

std::uint32_t frame_at(std::uint32_t position, std::uint32_t ordered) {
  if (position >= ordered || ordered < 3) return position;
  const std::uint32_t middle = ordered / 2;
  if (position == 0) return 0;
  if (position == 1) return ordered - 1;
  if (position == 2) return middle;
  const std::uint32_t index = position - 2;
  return index < middle ? index : index + 1;
}

}  // namespace worldshare::dispatcher
