#pragma once

#include <cstdint>
#include <vector>

namespace funcsim {

/// How an assignment ended.
enum class AssignmentStatus {
  optimal,
  nan,               ///< a cost is NaN
  invalid_infinity,  ///< an infinity of the wrong sign: -inf to minimise, +inf to maximise
  infeasible,        ///< the forbidden (infinite) pairs leave no complete assignment
};

/// A read-only strided cost matrix, [rows, columns]. Strides count elements.
template <typename Cost>
struct CostMatrix {
  const Cost* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

/// An assignment of min(rows, columns) pairs.
struct Assignment {
  AssignmentStatus status = AssignmentStatus::optimal;
  std::int64_t bad_row = -1;  ///< where the first bad cost is, for nan and invalid_infinity
  std::int64_t bad_column = -1;
  std::vector<std::int64_t> column_of_row;  ///< [rows]; -1 for rows left over
  std::vector<double> row_duals;            ///< [rows] certificate: row_duals[i] + column_duals[j] <= cost[i, j]
  std::vector<double> column_duals;         ///< [columns] (>= when maximising), equal on assigned pairs, up to rounding
};

/// The assignment of rows to columns that minimises (or maximises) the sum of costs, exactly optimal for every
/// finite matrix. Rectangular matrices are solved as they are, without padding. The result is a function of
/// the matrix alone: ties are broken as documented in the .cpp. A constant matrix gives the identity.
///
/// Instantiated for float, double and std::int64_t.
template <typename Cost>
Assignment linear_sum_assignment(const CostMatrix<Cost>& cost, bool maximize);

}  // namespace funcsim
