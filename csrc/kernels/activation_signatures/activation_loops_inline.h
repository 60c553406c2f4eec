#pragma once

// The loops of ActivationLoops, for the compiler to vectorise. Each level's file includes this once, and makes of it
// its table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>
#include <cstring>

#include "kernels/activation_signatures/activation_loops.h"
#include "kernels/activation_signatures/element_types.h"
#include "kernels/activation_signatures/strided_copy.h"
#include "kernels/common/bits.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for one level and linked into all
namespace funcsim {

namespace {

inline bool exceeds(float z, float t) {
  return z > t;
}
inline bool exceeds(double z, double t) {
  return z > t;
}
/// Elements as sign and magnitude, t as an integer in their order, -1 below -0. Above t >= 0 are positive elements,
/// whose integers are in order; below 0, all positive ones, and negative ones whose flipped magnitude is: flipping the
/// positive ones as well leaves them above t.
inline bool exceeds(std::uint16_t z, std::int16_t t) {
  return static_cast<std::int16_t>(z ^ static_cast<std::uint16_t>((t >> 15) & 0x7FFF)) > t;
}

/// Whether one of two elements is NaN.
template <typename Type>
bool any_nan(typename Type::Element x, typename Type::Element y) {
  if constexpr (sizeof(typename Type::Element) == 2) {
    const auto a = static_cast<std::int16_t>(x & 0x7FFF);
    const auto b = static_cast<std::int16_t>(y & 0x7FFF);
    return (a > b ? a : b) > static_cast<std::int16_t>(Type::infinity);
  } else {
    return __builtin_isunordered(x, y) != 0;
  }
}

/// Sets bit `shift` + k of bits[i] where rows[k][i] is above its threshold, and a bit of `nan` where an element is
/// NaN. A comparison of several elements at once leaves all bits or none in each lane, so it takes one AND and one OR
/// to put them where they belong.
template <typename Type>
[[gnu::always_inline]] inline void compare(const typename Type::Element* const* rows,
                                           const typename Type::Threshold* thresholds, std::int64_t elements, int shift,
                                           typename Type::Bits* bits, typename Type::Bits& nan) {
  using Bits = Type::Bits;
  Bits found_nan = 0;
  for (std::int64_t i = 0; i < elements; ++i) {
    Bits word = 0;
    for (std::int64_t k = 0; k < rows_together; k += 2) {
      const auto x = rows[k][i];
      const auto y = rows[k + 1][i];
      word |= exceeds(x, thresholds[i]) ? static_cast<Bits>(1U << k) : Bits{0};
      word |= exceeds(y, thresholds[i]) ? static_cast<Bits>(2U << k) : Bits{0};
      found_nan |= any_nan<Type>(x, y) ? static_cast<Bits>(-1) : Bits{0};
    }
    bits[i] |= static_cast<Bits>(word << shift);
  }
  nan |= found_nan;
}

template <typename Type>
void compare_units(const void* const* rows, const void* const* next, const void* thresholds, std::int64_t elements,
                   int shift, void* bits, void* nan) {
  using Element = Type::Element;
  // Long enough for the loop, short enough to prefetch meanwhile what is read soon: further on in these rows, then at
  // the start of the next ones.
  constexpr std::int64_t block = 1024 / sizeof(Element);
  constexpr std::int64_t distance = prefetch_bytes / sizeof(Element);
  const std::int64_t split = elements > distance ? elements - distance : 0;
  const Element* x[rows_together];
  for (std::int64_t first = 0; first < elements; first += block) {
    const std::int64_t left = elements - first;
    const std::int64_t count = left < block ? left : block;
    for (std::int64_t k = 0; k < rows_together; ++k) {
      const auto* row = static_cast<const Element*>(rows[k]);
      x[k] = row + first;
      if (next != nullptr) {
        const Element* ahead =
            first < split ? row + first + distance : static_cast<const Element*>(next[k]) + (first - split);
        for (std::int64_t i = 0; i < count; i += 64 / sizeof(Element)) {
          __builtin_prefetch(ahead + i);
        }
      }
    }
    compare<Type>(x, static_cast<const Type::Threshold*>(thresholds) + first, count, shift,
                  static_cast<Type::Bits*>(bits) + first, *static_cast<Type::Bits*>(nan));
  }
}

/// Rows are eight samples of one unit, and eight of them make a word: bit k of byte i is sample 8 k + i, and a
/// transpose puts it right.
template <typename Type>
bool pack_samples(const void* samples, std::int64_t words, const void* threshold, std::uint8_t* out) {
  using Bits = Type::Bits;
  typename Type::Threshold thresholds[8];
  for (auto& t : thresholds) {
    t = *static_cast<const Type::Threshold*>(threshold);
  }
  const auto* z = static_cast<const Type::Element*>(samples);
  Bits nan = 0;
  for (std::int64_t w = 0; w < words; ++w, z += 64) {
    const typename Type::Element* const rows[8] = {z, z + 8, z + 16, z + 24, z + 32, z + 40, z + 48, z + 56};
    Bits bits[8] = {};
    compare<Type>(rows, thresholds, 8, 0, bits, nan);
    std::uint64_t bytes = 0;
    for (int i = 0; i < 8; ++i) {
      bytes |= std::uint64_t{bits[i]} << (8 * i);
    }
    const std::uint64_t word = transpose_bits_8x8(bytes);
    std::memcpy(out + (8 * w), &word, sizeof(word));
  }
  return nan != 0;
}

template <typename Type>
constexpr PackLoops loops_of = {.compare_units = compare_units<Type>,
                                .pack_samples = pack_samples<Type>,
                                .copy_strided = copy_strided<typename Type::Element>};

}  // namespace

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
