#include "network/positions.h"

#include <cstddef>

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/common/error.h"
#include "kernels/common/hash.h"
#include "network/layer_type.h"

namespace funcsim {

void check_positions(std::int64_t positions) {
  check(positions >= any_position && positions <= most_points, "positions must be 0 (all), -1 (any) or from 1 to ",
        most_points, " points an input, got ", positions);
}

std::int64_t samples_per_input(const std::vector<std::int64_t>& grid, std::int64_t positions) {
  const std::int64_t places = element_count(grid);
  if (places == 1 || positions == any_position) {
    return 1;
  }
  return positions == all_positions ? places : positions;
}

std::vector<std::int64_t> grid_points(std::int64_t first_input, std::int64_t num_inputs, std::int64_t points,
                                      const std::vector<std::int64_t>& grid, std::int64_t seed) {
  const HashStream hash(seed, HashPurpose::position);
  const PointSets sets(seed);
  const GridPoints of_input(grid.data(), static_cast<std::int64_t>(grid.size()), points);
  std::vector<std::int64_t> places;
  places.reserve(static_cast<std::size_t>(num_inputs * points));
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    const std::uint64_t set = sets(static_cast<std::uint64_t>(first_input) + static_cast<std::uint64_t>(i));
    for (std::int64_t p = 0; p < points; ++p) {
      places.push_back(of_input.place(hash, set, p));
    }
  }
  return places;
}

}  // namespace funcsim
