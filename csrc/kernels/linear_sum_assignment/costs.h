#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/linear_sum_assignment/numbers.h"

namespace funcsim {

/// The costs of a problem, twice: exactly, in the numbers that the solver counts in, and for scans as floating numbers
/// that are equal to those or close to them.
///
///   Number            what the solver counts in
///   Scan              float or double
///   exact(i, j)       the cost as a Number
///   scans, scan_stride  row i for scans is at scans + i * scan_stride
///   scale             what they are multiplied by to be the costs, in units of a Number
///   error             |scans * scale - exact| <= |scans * scale| * error / 4; 0 if Number is double, which is exact
///   scannable         false if scans would leave double's range; then only exact costs are used
template <typename Number_, typename Scan_, typename Exact>
struct Costs {
  using Number = Number_;
  using Scan = Scan_;
  static constexpr double error = std::is_same_v<Number, double> ? 0.0 : 0x1p-48;

  Exact exact;
  const Scan* scans;
  std::int64_t scan_stride = 0;
  double scale = 1.0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  bool scannable = true;
};

/// The largest Number that is no larger than a double.
template <typename Number>
Number floor_to(double value) {
  if constexpr (std::is_same_v<Number, double>) {
    return value;
  } else if constexpr (std::is_same_v<Number, std::int64_t> || std::is_same_v<Number, Int128>) {
    return static_cast<Number>(std::floor(value));
  } else {
    return Number::floor_of(value);
  }
}

}  // namespace funcsim
