#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <string_view>
#include <vector>

#include "align/unit_orders.h"
#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

namespace funcsim {

/// A second opinion on some pairs of rows and columns: float64 [rows, columns], row-major, or empty for none.
using SecondOpinion =
    std::function<std::vector<double>(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns)>;

namespace detail {

/// Which of `count` rows of `width` numbers are equal: groups of at least two, ascending.
template <typename Number>
std::vector<std::vector<std::int64_t>> equal_rows(const std::vector<Number>& matrix, std::int64_t count,
                                                  std::int64_t width) {
  std::map<std::string_view, std::vector<std::int64_t>> by_content;
  const auto bytes = static_cast<std::size_t>(width) * sizeof(Number);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto* row = reinterpret_cast<const char*>(matrix.data() + (i * width));
    by_content[std::string_view(row, bytes)].push_back(i);
  }
  std::vector<std::vector<std::int64_t>> groups;
  for (auto& [content, members] : by_content) {
    if (members.size() > 1) {
      groups.push_back(std::move(members));
    }
  }
  std::ranges::sort(groups);
  return groups;
}

template <typename Number>
std::vector<Number> transposed(const std::vector<Number>& matrix, std::int64_t rows, std::int64_t columns) {
  std::vector<Number> result(matrix.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      result[(j * rows) + i] = matrix[(i * columns) + j];
    }
  }
  return result;
}

/// Lets the members of a group trade partners, with those that have none among them.
inline bool trade(const std::vector<std::int64_t>& members, UnitMatch& match, const SecondOpinion& opinion,
                  const ParallelFor& parallel_for) {
  std::vector<std::int64_t> partners;
  for (const std::int64_t member : members) {
    if (match[member] >= 0) {
      partners.push_back(match[member]);
    }
  }
  std::ranges::sort(partners);
  if (partners.empty()) {
    return false;
  }
  const std::vector<double> values = opinion(members, partners);
  if (values.empty()) {
    return false;
  }
  const auto rows = static_cast<std::int64_t>(members.size());
  const auto columns = static_cast<std::int64_t>(partners.size());
  const Assignment assignment = linear_sum_assignment(CostMatrix<double>{values.data(), rows, columns, columns, 1},
                                                      /*maximize=*/true, parallel_for, /*with_duals=*/false);
  if (assignment.status != AssignmentStatus::optimal) {
    return false;
  }
  bool changed = false;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t column = assignment.column_of_row[r];
    const std::int64_t partner = column < 0 ? -1 : partners[column];
    changed = changed || match[members[r]] != partner;
    match[members[r]] = partner;
  }
  return changed;
}

inline UnitMatch inverted(const UnitMatch& match, std::int64_t columns) {
  UnitMatch inverse(static_cast<std::size_t>(columns), -1);
  for (std::size_t i = 0; i < match.size(); ++i) {
    if (match[i] >= 0) {
      inverse[match[i]] = static_cast<std::int64_t>(i);
    }
  }
  return inverse;
}

}  // namespace detail

/// Changes an assignment where the matrix leaves it open: rows that are equal can trade their partners without a
/// change of the sum, and so can equal columns. Among them, the partners that a second opinion thinks best are taken:
/// in turns for rows and for columns until nothing changes, or 8 times.
///
/// @param matrix [rows, columns], without NaN
/// @param match  [rows] the column of each row, or -1; changed
template <typename Number>
void break_ties(const std::vector<Number>& matrix, std::int64_t rows, std::int64_t columns, UnitMatch& match,
                const SecondOpinion& opinion, const ParallelFor& parallel_for) {
  constexpr int most_turns = 8;
  const auto equal_rows = detail::equal_rows(matrix, rows, columns);
  const std::vector<Number> turned = detail::transposed(matrix, rows, columns);
  const auto equal_columns = detail::equal_rows(turned, columns, rows);
  const SecondOpinion transposed_opinion = [&](const auto& some_columns, const auto& some_rows) {
    const std::vector<double> values = opinion(some_rows, some_columns);
    return detail::transposed(values, values.empty() ? 0 : static_cast<std::int64_t>(some_rows.size()),
                              static_cast<std::int64_t>(some_columns.size()));
  };
  for (int turn = 0; turn < most_turns; ++turn) {
    bool changed = false;
    for (const auto& group : equal_rows) {
      changed = detail::trade(group, match, opinion, parallel_for) || changed;
    }
    UnitMatch inverse = detail::inverted(match, columns);
    for (const auto& group : equal_columns) {
      changed = detail::trade(group, inverse, transposed_opinion, parallel_for) || changed;
    }
    match = detail::inverted(inverse, rows);
    if (!changed) {
      return;
    }
  }
}

}  // namespace funcsim
