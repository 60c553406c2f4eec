#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

/// Gives every row one of its cheapest columns, if all rows can have one at once: the first such assignment in
/// lexicographic order.
///
/// Then it is optimal, with the rows' minima as their duals and 0 for all columns, and all optima give every row one of
/// its cheapest. To find out, costs only need to be compared, so this is exact for any of them. Where it succeeds, as
/// between a network and its copy, or where most costs are equal, it takes little more than reading them.
///
/// Rows take their first free column in order. If that suffices, the result is the first one for that reason. If a row
/// finds none but sees many that others have, augmenting paths over the pairs (Kuhn, "The Hungarian method for the
/// assignment problem", Naval Research Logistics Quarterly 2, 1955), held as bits, complete it.
///
/// @param matrix rows <= columns, contiguous rows
/// @param minima [rows] the smallest costs * sign
/// @return a column for each row, or nothing
template <typename Cost>
std::optional<std::vector<std::int64_t>> assign_cheapest_columns(const CostMatrix<Cost>& matrix, double sign,
                                                                 const std::vector<Cost>& minima,
                                                                 const ScanLoopsOf<Cost>& loops,
                                                                 const ParallelFor& parallel_for);

}  // namespace funcsim
