#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// How an assignment ended.
enum class AssignmentStatus : std::uint8_t {
  optimal,
  nan,               ///< a cost is NaN
  invalid_infinity,  ///< an infinity of the wrong sign: -inf to minimise, +inf to maximise
  infeasible,        ///< the forbidden (infinite) pairs leave no complete assignment
};

/// A read-only strided cost matrix, [rows, columns]. Strides count elements; any that aren't negative will do.
template <typename Cost>
struct CostMatrix {
  const Cost* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

/// An assignment of min(rows, columns) pairs, and the proof that there is none better.
///
/// When minimising, row_duals[i] + column_duals[j] <= cost[i, j] for all pairs, with equality for assigned ones. Rows
/// or columns left over have dual 0, and in a matrix with rows left over no row's dual is positive, in one with columns
/// left over no column's. So all duals add up to the total cost, and no assignment costs less. When maximising, with >=
/// and no negative duals in the same places. The duals are those of an exact computation, rounded to double (to
/// infinity beyond its range).
struct Assignment {
  AssignmentStatus status = AssignmentStatus::optimal;
  std::int64_t bad_row = -1;  ///< where the first bad cost is, row by row, for nan and invalid_infinity
  std::int64_t bad_column = -1;
  std::vector<std::int64_t> column_of_row;  ///< [rows]; -1 for rows left over, and for all if the status isn't optimal
  std::vector<double> row_duals;            ///< [rows]; none if they weren't asked for
  std::vector<double> column_duals;         ///< [columns]; likewise
};

/// The assignment of rows to columns that minimises (or maximises) the sum of costs, exactly optimal for every matrix.
/// Rectangular matrices are solved as they are, without padding. Infinite costs forbid a pair (+inf when
/// minimising, -inf when maximising). The result is a function of the matrix alone: of all optimal assignments the
/// first in lexicographic order, as defined in the .cpp; the identity for a constant matrix. A matrix without rows or
/// columns has the empty assignment.
///
/// Takes O(min(rows, columns)² · max(rows, columns) · log) time at worst. Floating costs with contiguous rows are read
/// where they are; others are copied, with up to 8 bytes an element, and so are those too wide for double that are hard
/// to solve. Beside that, memory is some hundred bytes a row, some thousand for the widest, and a bit an element.
///
/// @param parallel_for for passes over the matrix before it is solved; the result doesn't depend on it
/// @param with_duals false leaves out the duals
///
/// Instantiated for float, double and std::int64_t.
template <typename Cost>
Assignment linear_sum_assignment(const CostMatrix<Cost>& cost, bool maximize, const ParallelFor& parallel_for,
                                 bool with_duals = true);

}  // namespace funcsim
