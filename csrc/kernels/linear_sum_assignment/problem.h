#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/cost_matrix.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

/// What is solved: costs to minimise, with no more rows than columns.
template <typename Cost>
struct Problem {
  CostMatrix<Cost> matrix;  ///< rows <= columns, contiguous rows
  bool transposed;          ///< the rows of `matrix` are the columns of the one given
  bool negated;             ///< the costs are those in `matrix` times -1
  bool with_duals;
  const ScanLoops& loops;
  const ParallelFor& parallel_for;

  double sign() const { return negated ? -1.0 : 1.0; }
};

/// Notes the first cost in the matrix given, row by row, that is NaN or an infinity of the wrong sign.
template <typename Cost>
void find_bad_cost(const Problem<Cost>& problem, Assignment& assignment) {
  const CostMatrix<Cost> given = problem.transposed ? transpose(problem.matrix) : problem.matrix;
  const double invalid = problem.negated ? HUGE_VAL : -HUGE_VAL;
  for (std::int64_t i = 0; i < given.rows; ++i) {
    for (std::int64_t j = 0; j < given.columns; ++j) {
      const Cost cost = given.data[(i * given.row_stride) + (j * given.column_stride)];
      if (std::isnan(cost) || cost == invalid) {
        assignment.status = std::isnan(cost) ? AssignmentStatus::nan : AssignmentStatus::invalid_infinity;
        assignment.bad_row = i;
        assignment.bad_column = j;
        return;
      }
    }
  }
}

/// Where the duals of the problem's rows and columns go.
template <typename Cost>
std::pair<std::vector<double>&, std::vector<double>&> duals_of(const Problem<Cost>& problem, Assignment& assignment) {
  if (problem.transposed) {
    return {assignment.column_duals, assignment.row_duals};
  }
  return {assignment.row_duals, assignment.column_duals};
}

/// Notes a column for each of the problem's rows.
template <typename Cost>
void set_columns(const Problem<Cost>& problem, const std::vector<std::int64_t>& column_of_row, Assignment& assignment) {
  for (std::int64_t i = 0; i < problem.matrix.rows; ++i) {
    const std::int64_t j = column_of_row[i];
    assignment.column_of_row[problem.transposed ? j : i] = problem.transposed ? i : j;
  }
}

/// What was found out before the type to count in was chosen.
template <typename Cost>
struct Start {
  Minima<Cost> minima;
  std::vector<std::int64_t> column_of_row;  ///< one of the row's cheapest; -1 if the row has none
};

/// Notes an assignment in which all rows have one of their cheapest columns.
template <typename Cost>
void note_cheapest_columns(const Problem<Cost>& problem, const Start<Cost>& start, Assignment& assignment) {
  set_columns(problem, start.column_of_row, assignment);
  if (problem.with_duals) {
    const auto [row_duals, column_duals] = duals_of(problem, assignment);
    for (const RowMinimum<Cost>& minimum : start.minima.of_rows) {
      row_duals.push_back(static_cast<double>(minimum.least) * problem.sign());
    }
    column_duals.assign(problem.matrix.columns, 0.0);
  }
}

}  // namespace funcsim
