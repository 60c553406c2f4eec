#pragma once

#include <cstdint>

#include "kernels/common/hash.h"

namespace funcsim {

// Where points of positions lie, on the host and on a device. docs/hash.md gives the definition and test vectors: never
// change what it returns.

/// Room for coordinates in the index of a hash.
inline constexpr std::int64_t coordinate_stride = 8;

/// The row-major place in a grid of a point of the unit cube.
///
/// @param hash  of HashPurpose::position
/// @param point the input's global index * points an input + the point's index there
/// @param grid  `dimensions` sizes, at most coordinate_stride
constexpr std::int64_t place_of_point(const HashStream& hash, std::uint64_t point, const std::int64_t* grid,
                                      std::int64_t dimensions) {
  std::int64_t place = 0;
  for (std::int64_t k = 0; k < dimensions; ++k) {
    const std::uint64_t index = (point * static_cast<std::uint64_t>(coordinate_stride)) + static_cast<std::uint64_t>(k);
    const std::uint64_t u = hash(index) >> 32U;
    const auto coordinate = static_cast<std::int64_t>((u * static_cast<std::uint64_t>(grid[k])) >> 32U);
    place = (place * grid[k]) + coordinate;
  }
  return place;
}

}  // namespace funcsim
