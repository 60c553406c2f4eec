#pragma once

#include <cstdint>

namespace funcsim {

// How each element type is compared with a threshold. Nothing is converted in the loops over samples: z > t holds
// exactly where z is above the largest element value that is not above t, and that one is found once a unit.

template <typename Float, typename Unsigned>
struct NativeFloat {
  using Element = Float;
  using Threshold = Float;
  /// Unsigned integer of the element's size, so that a vector of comparisons and one of bits have equally many lanes.
  using Bits = Unsigned;
};

using Float32 = NativeFloat<float, std::uint32_t>;
using Float64 = NativeFloat<double, std::uint64_t>;

/// IEEE 754 binary16 (5 exponent bits) and bfloat16 (8) in 16-bit integers, compared as such: read as sign and
/// magnitude, they have the order of the values. The two zeros are taken care of by the threshold, which is never -0.
template <int exponent_bits>
struct NarrowFloat {
  using Element = std::uint16_t;
  using Threshold = std::int16_t;
  using Bits = std::uint16_t;

  static constexpr int mantissa_bits = 15 - exponent_bits;
  static constexpr Element infinity = ((1U << exponent_bits) - 1) << mantissa_bits;
};

using Float16 = NarrowFloat<5>;
using BFloat16 = NarrowFloat<8>;

}  // namespace funcsim
