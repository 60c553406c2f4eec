#include "kernels/linear_sum_assignment/cheapest_columns.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear_sum_assignment/cost_matrix.h"

namespace funcsim {

namespace {

constexpr std::int64_t none = -1;

/// Gives each row, in order, its first free column that has the row's minimum. Returns how often a row saw one that was
/// taken, for rows with more than one; leaves off if that is too often.
template <typename Cost>
std::int64_t take_first_columns(const CostMatrix<Cost>& matrix, double sign,
                                const std::vector<RowMinimum<Cost>>& minima, const ScanLoopsOf<Cost>& loops,
                                std::vector<std::int64_t>& column_of_row) {
  const std::int64_t most = 16 * matrix.rows;
  std::int64_t seen = 0;
  std::vector<bool> taken(matrix.columns);
  std::int64_t first_free = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    const auto& [least, second, column] = minima[i];
    std::int64_t j = column;
    if (taken[j]) {
      if (least < second) {
        continue;
      }
      const Cost* costs = matrix.data + (i * matrix.row_stride);
      j = loops.first_within(costs, std::max(first_free, column + 1), matrix.columns, sign, least);
      while (j < matrix.columns && taken[j]) {
        if (++seen > most) {
          return seen;
        }
        j = loops.first_within(costs, j + 1, matrix.columns, sign, least);
      }
      if (j == matrix.columns) {
        continue;
      }
    }
    taken[j] = true;
    column_of_row[i] = j;
    while (first_free < matrix.columns && taken[first_free]) {
      ++first_free;
    }
  }
  return seen;
}

}  // namespace

template <typename Cost>
std::vector<std::int64_t> assign_cheapest_columns(const CostMatrix<Cost>& matrix, double sign,
                                                  const std::vector<RowMinimum<Cost>>& minima,
                                                  const ScanLoopsOf<Cost>& loops, const ParallelFor& parallel_for) {
  std::vector<std::int64_t> column_of_row(matrix.rows, none);
  if (std::ranges::any_of(minima, [](const auto& minimum) { return std::isinf(minimum.least); })) {
    return column_of_row;
  }
  const std::int64_t seen = take_first_columns(matrix, sign, minima, loops, column_of_row);
  if (8 * seen < matrix.rows || std::ranges::count(column_of_row, none) == 0) {
    return column_of_row;
  }
  TightPairs tight(matrix.rows, matrix.columns);
  parallel_for(0, matrix.rows, row_grain(matrix), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      loops.mark_within(matrix.data + (i * matrix.row_stride), matrix.columns, sign, minima[i].least,
                        tight.columns_of(i));
    }
  });
  for (std::int64_t j = 0; j < matrix.columns; ++j) {
    tight.add(matrix.rows, j);
  }
  if (complete(tight, column_of_row)) {
    make_first(tight, column_of_row);
  }
  return column_of_row;
}

template std::vector<std::int64_t> assign_cheapest_columns(const CostMatrix<float>& matrix, double sign,
                                                           const std::vector<RowMinimum<float>>& minima,
                                                           const ScanLoopsOf<float>& loops,
                                                           const ParallelFor& parallel_for);
template std::vector<std::int64_t> assign_cheapest_columns(const CostMatrix<double>& matrix, double sign,
                                                           const std::vector<RowMinimum<double>>& minima,
                                                           const ScanLoopsOf<double>& loops,
                                                           const ParallelFor& parallel_for);

}  // namespace funcsim
