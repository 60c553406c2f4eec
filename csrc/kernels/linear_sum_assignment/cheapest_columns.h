#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

/// Gives rows one of their cheapest columns, each column to one row.
///
/// If all rows can have one at once, the result is the first such assignment in lexicographic order. It is optimal,
/// with the rows' minima as their duals and 0 for all columns, and all optima give every row one of its cheapest. To
/// find out, costs only need to be compared, so this is exact for any of them. Where it succeeds, as between a network
/// and its copy, or where most costs are equal, it takes little more than reading them.
///
/// Rows take their first free column in order. If that suffices, the result is the first one for that reason. If rows
/// see many that others have, the pairs are held as bits, and augmenting paths over them complete the assignment.
///
/// @param matrix rows <= columns, contiguous rows
/// @param minima [rows] of costs * sign
/// @return a column for each row, -1 for rows that can have none
template <typename Cost>
std::vector<std::int64_t> assign_cheapest_columns(const CostMatrix<Cost>& matrix, double sign,
                                                  const std::vector<RowMinimum<Cost>>& minima,
                                                  const ScanLoopsOf<Cost>& loops, const ParallelFor& parallel_for);

}  // namespace funcsim
