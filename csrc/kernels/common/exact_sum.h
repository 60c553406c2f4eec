#pragma once

#include <cstdint>

#include "kernels/common/int128.h"

namespace funcsim {

/// An exact sum of up to 2^63 numbers of 128 bits: the same in any order.
class ExactSum {
 public:
  constexpr void add(Int128 value) {
    low_ += static_cast<std::uint64_t>(value);
    high_ += value >> 64;
  }

  constexpr void add(const ExactSum& other) {
    low_ += other.low_;
    high_ += other.high_;
  }

  /// Rounded to a double, to a unit in its last place or two.
  constexpr double value() const {
    const Int128 high = high_ + static_cast<Int128>(low_ >> 64);
    const auto low = static_cast<std::uint64_t>(low_);
    if (high == static_cast<std::int64_t>(high)) {
      return static_cast<double>((high << 64) | static_cast<Int128>(low));
    }
    return (static_cast<double>(high) * 0x1p64) + static_cast<double>(low);
  }

 private:
  UInt128 low_ = 0;  ///< of the lower 64 bits of each number
  Int128 high_ = 0;  ///< of what is above them
};

}  // namespace funcsim
