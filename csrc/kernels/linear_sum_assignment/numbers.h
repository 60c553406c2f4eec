#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/common/int128.h"

namespace funcsim {

/// The numbers that the solver can count in. All are used as integers, so that sums and differences are exact as long
/// as they fit. double is one of them, with 53 bits and the fastest arithmetic.
///
///   cost_bits    costs are below 2^cost_bits in magnitude; what the solver makes of them stays below 2^(cost_bits + 4)
///   forbidden()  2^cost_bits, the cost of a forbidden pair
///   beyond()     2^(cost_bits + 5), larger than all that occurs; a sum of it and of two things that occur still fits
template <typename Number>
struct NumberTraits;

template <>
struct NumberTraits<double> {
  static constexpr int cost_bits = 49;
  static constexpr double forbidden() { return 0x1p49; }
  static constexpr double beyond() { return 0x1p54; }
};

template <>
struct NumberTraits<std::int64_t> {
  static constexpr int cost_bits = 57;
  static constexpr std::int64_t forbidden() { return std::int64_t{1} << 57; }
  static constexpr std::int64_t beyond() { return std::int64_t{1} << 62; }
};

template <>
struct NumberTraits<Int128> {
  static constexpr int cost_bits = 120;
  static constexpr Int128 forbidden() { return Int128{1} << 120; }
  static constexpr Int128 beyond() { return Int128{1} << 125; }
};

/// A two's complement integer of 64 * Limbs bits that counts in units of 2^Lowest.
template <int Limbs, int Lowest>
class WideInteger {
 public:
  constexpr WideInteger() = default;

  /// Exact. A finite value must be a multiple of 2^Lowest and fit; infinity becomes NumberTraits::forbidden().
  constexpr explicit WideInteger(double value) {
    constexpr int mantissa_bits = 52;
    constexpr int bias = 1075;  // a double is mantissa * 2^(exponent - bias), the mantissa an integer
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto exponent = static_cast<int>((bits >> mantissa_bits) & 0x7FF);
    std::uint64_t mantissa = bits & ((std::uint64_t{1} << mantissa_bits) - 1);
    if (exponent == 0x7FF) {
      *this = power_of_two((64 * Limbs) - 10);
    } else if (value != 0) {
      mantissa |= exponent == 0 ? 0 : std::uint64_t{1} << mantissa_bits;
      const int zeros = std::countr_zero(mantissa);
      mantissa >>= zeros;
      const int shift = (exponent == 0 ? 1 : exponent) - bias + zeros - Lowest;
      limbs_[shift / 64] = mantissa << (shift % 64);
      if (shift % 64 != 0 && (shift / 64) + 1 < Limbs) {
        limbs_[(shift / 64) + 1] = mantissa >> (64 - (shift % 64));
      }
    }
    if (value < 0) {
      *this = WideInteger() - *this;
    }
  }

  static constexpr WideInteger power_of_two(int exponent) {
    WideInteger power;
    power.limbs_[exponent / 64] = std::uint64_t{1} << (exponent % 64);
    return power;
  }

  /// The largest that is no larger than a double within the type's range.
  static WideInteger floor_of(double value) {
    if constexpr (Lowest <= -1074) {  // all doubles are multiples
      return WideInteger(value);
    } else {
      return WideInteger(std::ldexp(std::floor(std::ldexp(value, -Lowest)), Lowest));
    }
  }

  /// The value as a double, to a few units in its last place.
  explicit operator double() const {
    const bool negative = *this < WideInteger();
    const WideInteger magnitude = negative ? WideInteger() - *this : *this;
    double value = 0.0;
    for (int k = Limbs - 1; k >= 0; --k) {
      value += std::ldexp(static_cast<double>(magnitude.limbs_[k]), (64 * k) + Lowest);
    }
    return negative ? -value : value;
  }

  friend constexpr WideInteger operator+(const WideInteger& a, const WideInteger& b) {
    WideInteger sum;
    std::uint64_t carry = 0;
    for (int k = 0; k < Limbs; ++k) {
      const std::uint64_t partial = a.limbs_[k] + b.limbs_[k];
      sum.limbs_[k] = partial + carry;
      carry = partial < b.limbs_[k] || sum.limbs_[k] < carry ? 1 : 0;
    }
    return sum;
  }

  friend constexpr WideInteger operator-(const WideInteger& a, const WideInteger& b) {
    WideInteger difference;
    std::uint64_t borrow = 0;
    for (int k = 0; k < Limbs; ++k) {
      const std::uint64_t partial = a.limbs_[k] - b.limbs_[k];
      difference.limbs_[k] = partial - borrow;
      borrow = a.limbs_[k] < b.limbs_[k] || partial < borrow ? 1 : 0;
    }
    return difference;
  }

  friend constexpr bool operator==(const WideInteger& a, const WideInteger& b) = default;

  friend constexpr bool operator<(const WideInteger& a, const WideInteger& b) {
    const auto top_a = static_cast<std::int64_t>(a.limbs_[Limbs - 1]);
    const auto top_b = static_cast<std::int64_t>(b.limbs_[Limbs - 1]);
    if (top_a != top_b) {
      return top_a < top_b;
    }
    for (int k = Limbs - 2; k >= 0; --k) {
      if (a.limbs_[k] != b.limbs_[k]) {
        return a.limbs_[k] < b.limbs_[k];
      }
    }
    return false;
  }

 private:
  std::array<std::uint64_t, Limbs> limbs_{};
};

template <int Limbs, int Lowest>
struct NumberTraits<WideInteger<Limbs, Lowest>> {
  static constexpr int cost_bits = (64 * Limbs) - 10;
  static constexpr auto forbidden() { return WideInteger<Limbs, Lowest>::power_of_two(cost_bits); }
  static constexpr auto beyond() { return WideInteger<Limbs, Lowest>::power_of_two(cost_bits + 5); }
};

/// Wide enough for all floats when scaled, and for all doubles, with the cost of a forbidden pair above any sum of
/// theirs.
using Int384 = WideInteger<6, 0>;
using DoubleInteger = WideInteger<34, -1074>;

}  // namespace funcsim
