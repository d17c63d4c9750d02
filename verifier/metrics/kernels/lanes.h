#pragma once

#include <cstdint>

namespace worldshare::verifier::kernels {

template <class Real>
struct BitsOf;
template <>
struct BitsOf<float> {
  using type = std::uint32_t;
};
template <>
struct BitsOf<double> {
  using type = std::uint64_t;
};

/// Vectors of the instruction set `Isa`, which is a type of the file that is compiled for it, so
/// that nothing instantiated with it is shared between files.
template <class Isa, class Real>
struct Lanes {
  using Bits = typename BitsOf<Real>::type;
  using V __attribute__((vector_size(Isa::kBytes))) = Real;
  using U __attribute__((vector_size(Isa::kBytes))) = Bits;
  static constexpr std::size_t kCount = Isa::kBytes / sizeof(Real);

  static V load(const Real* from) {
    V out;
    __builtin_memcpy(&out, from, sizeof(V));
    return out;
  }
  static void store(Real* to, V value) { __builtin_memcpy(to, &value, sizeof(V)); }
  static V splat(Real value) { return V{} + value; }
  static V larger(V a, V b) { return a > b ? a : b; }
  /// `count` up to whole vectors.
  static std::size_t up(std::size_t count) { return (count + kCount - 1) / kCount * kCount; }
};

}  // namespace worldshare::verifier::kernels
