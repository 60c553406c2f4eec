#include "kernels/linear_sum_assignment/cheapest_columns.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear_sum_assignment/cost_matrix.h"

namespace funcsim {

namespace {

/// What taking columns in order came to.
enum class Greedy : std::uint8_t { complete, stuck, many_ties };

/// Gives rows their first free column that is within the row's minimum, in order, until one finds none.
template <typename Cost>
Greedy take_first_columns(const CostMatrix<Cost>& matrix, double sign, const std::vector<Cost>& minima,
                          const ScanLoopsOf<Cost>& loops, std::vector<std::int64_t>& column_of_row) {
  constexpr std::int64_t most_taken = 8;  // columns of a row that others have, before pairs had better be held as bits
  std::vector<bool> taken(matrix.columns);
  std::int64_t first_free = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    const Cost* costs = matrix.data + (i * matrix.row_stride);
    std::int64_t seen_taken = 0;
    std::int64_t j = loops.first_within(costs, first_free, matrix.columns, sign, minima[i]);
    while (j < matrix.columns && taken[j]) {
      if (++seen_taken > most_taken) {
        return Greedy::many_ties;
      }
      j = loops.first_within(costs, j + 1, matrix.columns, sign, minima[i]);
    }
    if (j == matrix.columns) {
      return Greedy::stuck;
    }
    taken[j] = true;
    column_of_row[i] = j;
    while (first_free < matrix.columns && taken[first_free]) {
      ++first_free;
    }
  }
  return Greedy::complete;
}

}  // namespace

template <typename Cost>
std::optional<std::vector<std::int64_t>> assign_cheapest_columns(const CostMatrix<Cost>& matrix, double sign,
                                                                 const std::vector<Cost>& minima,
                                                                 const ScanLoopsOf<Cost>& loops,
                                                                 const ParallelFor& parallel_for) {
  if (std::ranges::any_of(minima, [](Cost least) { return std::isinf(least); })) {
    return std::nullopt;  // a row that may have no column
  }
  std::vector<std::int64_t> column_of_row(matrix.rows, -1);
  const Greedy greedy = take_first_columns(matrix, sign, minima, loops, column_of_row);
  if (greedy != Greedy::many_ties) {
    return greedy == Greedy::complete ? std::optional(column_of_row) : std::nullopt;
  }
  TightPairs tight(matrix.rows, matrix.columns);
  parallel_for(0, matrix.rows, row_grain(matrix), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      loops.mark_within(matrix.data + (i * matrix.row_stride), matrix.columns, sign, minima[i], tight.columns_of(i));
    }
  });
  for (std::int64_t j = 0; j < matrix.columns; ++j) {
    tight.add(matrix.rows, j);
  }
  if (!complete(tight, column_of_row)) {
    return std::nullopt;
  }
  make_first(tight, column_of_row);
  return column_of_row;
}

template std::optional<std::vector<std::int64_t>> assign_cheapest_columns(const CostMatrix<float>& matrix, double sign,
                                                                          const std::vector<float>& minima,
                                                                          const ScanLoopsOf<float>& loops,
                                                                          const ParallelFor& parallel_for);
template std::optional<std::vector<std::int64_t>> assign_cheapest_columns(const CostMatrix<double>& matrix, double sign,
                                                                          const std::vector<double>& minima,
                                                                          const ScanLoopsOf<double>& loops,
                                                                          const ParallelFor& parallel_for);

}  // namespace funcsim
