#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/linear_sum_assignment/numbers.h"

namespace funcsim {

// The loops in which the solver spends its time: one row of costs against arrays over the columns. Column j belongs to
// lane j % scan_lanes. Only the minimum of each lane is kept, without its place: that makes loops without branches
// and dependencies, which compilers vectorise. The place is looked up afterwards, in one lane.

/// Columns are padded to a multiple of this.
template <typename Number>
constexpr std::int64_t scan_lanes = sizeof(Number) <= sizeof(double) ? 32 : 8;

template <typename Number>
using LaneMinima = std::array<Number, scan_lanes<Number>>;

/// The smallest reduced cost of a row, and the second smallest, which can be equal to it.
template <typename Number>
struct TwoSmallest {
  Number first;
  Number second;        ///< NumberTraits::beyond() where there is no second column
  std::int64_t column;  ///< one that has `first`
};

/// The two smallest of costs[j] - duals[j] for j < columns, a multiple of scan_lanes.
template <typename Stored, typename Number>
TwoSmallest<Number> two_smallest(const Stored* costs, const Number* duals, std::int64_t columns) {
  constexpr std::int64_t lanes = scan_lanes<Number>;
  LaneMinima<Number> least;
  least.fill(NumberTraits<Number>::beyond());
  for (std::int64_t begin = 0; begin < columns; begin += lanes) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      const Number reduced = static_cast<Number>(costs[begin + l]) - duals[begin + l];
      least[l] = reduced < least[l] ? reduced : least[l];
    }
  }
  auto* const best = std::min_element(least.begin(), least.end());
  TwoSmallest<Number> two{*best, NumberTraits<Number>::beyond(), -1};
  *best = two.second;
  two.second = *std::min_element(least.begin(), least.end());
  for (std::int64_t j = best - least.data(); j < columns; j += lanes) {
    const Number reduced = static_cast<Number>(costs[j]) - duals[j];
    if (two.column < 0 && reduced == two.first) {
      two.column = j;
    } else if (reduced < two.second) {
      two.second = reduced;
    }
  }
  return two;
}

/// One step of Dijkstra's algorithm: lowers distances[j] to base + costs[j] - duals[j] where that is less, for
/// j < columns, a multiple of scan_lanes. Returns the smallest distance of every lane.
template <typename Stored, typename Number>
LaneMinima<Number> relax(const Stored* __restrict costs, const Number* __restrict duals, const Number& base,
                         std::int64_t columns, Number* __restrict distances) {
  constexpr std::int64_t lanes = scan_lanes<Number>;
  const Number offset = base;
  LaneMinima<Number> least;
  least.fill(NumberTraits<Number>::beyond());
  for (std::int64_t begin = 0; begin < columns; begin += lanes) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      const Number distance = static_cast<Number>(costs[begin + l]) - duals[begin + l] + offset;
      const Number shortest = distance < distances[begin + l] ? distance : distances[begin + l];
      distances[begin + l] = shortest;
      least[l] = shortest < least[l] ? shortest : least[l];
    }
  }
  return least;
}

}  // namespace funcsim
