#pragma once

#include <cstdint>
#include <vector>

namespace funcsim {

/// How the samples of a layer with a grid of positions (space, time, tokens) are taken: all of them, one bit an input
/// that is set when the unit fires anywhere, or otherwise that many points an input.
inline constexpr std::int64_t all_positions = 0;
inline constexpr std::int64_t any_position = -1;

/// @throws Error unless positions is one of these
void check_positions(std::int64_t positions);

/// Samples an input of a layer with this grid: 1 for a grid of at most one position and for any_position.
std::int64_t samples_per_input(const std::vector<std::int64_t>& grid, std::int64_t positions);

/// The places in a grid at which inputs are looked at: for each input `points` points of the unit cube, each in a box
/// of its own, mapped to the grid: one of four sets, by the global index of the input. The same for every layer and
/// network, so that layers of different grids are compared at corresponding places. docs/hash.md defines them.
///
/// @param grid sizes, at most 8, each at most 2^31, row-major
/// @return [num_inputs * points] row-major places
std::vector<std::int64_t> grid_points(std::int64_t first_input, std::int64_t num_inputs, std::int64_t points,
                                      const std::vector<std::int64_t>& grid, std::int64_t seed);

}  // namespace funcsim
