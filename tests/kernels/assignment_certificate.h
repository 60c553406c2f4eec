#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "assignments_by_brute_force.h"

namespace funcsim {

/// The duals prove that the assignment is optimal. Differences up to `tolerance` are the duals' rounding to double.
template <typename Cost>
void expect_certificate(const Matrix<Cost>& matrix, const Assignment& assignment, bool maximize, double tolerance) {
  ASSERT_EQ(assignment.status, AssignmentStatus::optimal);
  const double sign = maximize ? -1.0 : 1.0;
  std::vector<bool> taken(matrix.columns);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      const double reduced = double(matrix.at(i, j)) - assignment.row_duals[i] - assignment.column_duals[j];
      ASSERT_GE(reduced * sign, -tolerance) << i << ", " << j;
      if (assignment.column_of_row[i] == j) {
        ASSERT_LE(reduced * sign, tolerance) << i << ", " << j;
        ASSERT_FALSE(taken[j]);
        taken[j] = true;
      }
    }
    if (assignment.column_of_row[i] == -1) {
      ASSERT_EQ(assignment.row_duals[i], 0.0);
    }
    ASSERT_TRUE(matrix.rows <= matrix.columns || assignment.row_duals[i] * sign <= 0);
  }
  ASSERT_EQ(std::count(taken.begin(), taken.end(), true), std::min(matrix.rows, matrix.columns));
  for (std::int64_t j = 0; j < matrix.columns; ++j) {
    ASSERT_TRUE(taken[j] || assignment.column_duals[j] == 0.0);
    ASSERT_TRUE(matrix.columns <= matrix.rows || assignment.column_duals[j] * sign <= 0);
  }
}

}  // namespace funcsim
