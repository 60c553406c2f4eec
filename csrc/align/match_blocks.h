#pragma once

#include <functional>
#include <vector>

#include "align/break_ties.h"
#include "align/unit_orders.h"
#include "kernels/common/error.h"
#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "network/unit_blocks.h"

namespace funcsim {

/// A block of units of a hidden layer of a, one of b, and how the units of the layer before were matched: of the
/// corresponding blocks, or, where that layer isn't in the same component, all of them.
struct BlockPair {
  std::size_t layer;
  std::int64_t block_a;
  std::int64_t block_b;
  const UnitMatch* before;  ///< nullptr where the layer before belongs to another component
};

/// What is known of the units of one component.
struct ComponentNumbers {
  /// Similarities of the units of two blocks, row-major.
  std::function<std::vector<float>(const BlockPair&)> similarities;
  /// The best match of the one layer of a component with one block, where it is known already.
  const UnitMatch* assigned = nullptr;
  /// What decides between units with equal similarities; empty function: nothing.
  std::function<SecondOpinion(const BlockPair&)> opinion;
};

/// The assignment of rows to columns with the largest sum, of each row, or -1.
template <typename Number>
UnitMatch best_match(const std::vector<Number>& matrix, std::int64_t rows, std::int64_t columns,
                     const ParallelFor& parallel_for) {
  Assignment assignment = linear_sum_assignment(CostMatrix<Number>{matrix.data(), rows, columns, columns, 1},
                                                /*maximize=*/true, parallel_for, /*with_duals=*/false);
  check(assignment.status == AssignmentStatus::optimal, "similarities of units must be finite");
  return std::move(assignment.column_of_row);
}

/// The best matching of the layers [begin, end) of a component, whose blocks move together or not at all.
///
/// @return for each of these layers
std::vector<UnitMatch> match_blocks(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b,
                                    std::size_t begin, std::size_t end, const ComponentNumbers& numbers,
                                    const ParallelFor& parallel_for);

}  // namespace funcsim
